"""What our launchers have in common; Hydra's scan leaves this module out, by its name."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

if TYPE_CHECKING:
    from darkmagic.sweeps.launch.jobs.follow import Workers
    from darkmagic.sweeps.launch.jobs.queue import Queue

__all__ = ["OurLauncher", "QueuedLauncher"]


class OurLauncher(Launcher):
    """A launcher that composes a job once, and has processes to fork trials from."""

    _hydra_context: HydraContext
    _task_function: TaskFunction
    _config: DictConfig
    forks_here = True
    """Whether trials are forked in this machine."""

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        """Take what Hydra gives a launcher before it composes the jobs."""
        from darkmagic.sweeps.compose.caching_loader import RememberingLoader
        from darkmagic.sweeps.launch.local import fork_server

        # The sweeper has the same context, and composes with it from here on.
        hydra_context.config_loader = RememberingLoader(hydra_context.config_loader)
        self._hydra_context = hydra_context
        self._task_function = task_function
        self._config = config
        if self.forks_here:
            # It imports torch, if at all, while the sweeper composes.
            fork_server.warm_up(torch=fork_server.pays_with_torch(config))


class QueuedLauncher(OurLauncher):
    """A launcher whose jobs are files in the sweep's folder, which processes elsewhere run.

    `request` is what the kind of launcher asks of them, by its keys in the configuration.
    """

    forks_here = False

    def __init__(self, lease_seconds: float = 60.0, **request: Any) -> None:
        self._lease_seconds = lease_seconds
        self._request = request

    def check(self) -> None:
        """Raise `UserError` where what is to run the jobs is not there."""

    def workers(self) -> Callable[[Queue], Workers]:
        """Return what makes the `Workers` of a queue; raise `UserError` for a wrong request."""
        raise NotImplementedError

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.check()
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        from darkmagic.sweeps.launch.jobs.follow import run_queued

        return run_queued(
            self._hydra_context,
            self._task_function,
            self._config,
            job_overrides,
            initial_job_idx,
            make_workers=self.workers(),
            lease_seconds=self._lease_seconds,
        )
