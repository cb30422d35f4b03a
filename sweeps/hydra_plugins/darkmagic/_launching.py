"""What our launchers have in common; Hydra's scan leaves this module out, by its name."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

from hydra.core.utils import JobReturn
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from darkmagic.checklist.errors import UserError

if TYPE_CHECKING:
    from darkmagic.sweeps.launch.jobs.follow import Workers
    from darkmagic.sweeps.launch.jobs.queue import Queue

__all__ = ["LauncherError", "OurLauncher", "QueuedLauncher", "one_line"]


class LauncherError(UserError, CompactHydraException):
    """An error of the user's, of which Hydra prints the line and no traceback, as of its own."""


@contextlib.contextmanager
def one_line() -> Iterator[None]:
    """Turn errors of the user's into those that Hydra prints as a line."""
    try:
        yield
    except UserError as error:
        raise LauncherError(str(error)) from error


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
        from darkmagic.sweeps.launch.local.torch_needed import has_torch, pays_with_torch

        with one_line():
            _check_numbers(config.hydra.launcher)
        # The sweeper has the same context, and composes with it from here on.
        hydra_context.config_loader = RememberingLoader(hydra_context.config_loader)
        self._hydra_context = hydra_context
        self._task_function = task_function
        self._config = config
        if self.forks_here:
            # It imports torch, if at all, while the sweeper composes.
            # An application whose script tries to import torch may do without.
            fork_server.warm_up(torch=pays_with_torch(config) and has_torch())


def _check_numbers(launcher: DictConfig) -> None:
    """Raise `UserError` for a number of any launcher's that cannot be, in any application."""
    from darkmagic.sweeps.trial.settings import Launcher
    from darkmagic.trainers.fields import check_fields

    names = {each.name for each in dataclasses.fields(Launcher)} & launcher.keys()
    try:
        check_fields(Launcher(**{str(name): launcher[name] for name in names}))
    except ValueError as error:
        raise UserError(f"hydra.launcher.{error}") from None


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
        with one_line():
            self.check()
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        from darkmagic.sweeps.launch.jobs.follow import run_queued

        with one_line():
            return run_queued(
                self._hydra_context,
                self._task_function,
                self._config,
                job_overrides,
                initial_job_idx,
                make_workers=self.workers(),
                lease_seconds=self._lease_seconds,
            )
