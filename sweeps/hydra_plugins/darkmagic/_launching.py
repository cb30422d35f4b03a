"""What our launchers have in common; Hydra's scan leaves this module out, by its name."""

from __future__ import annotations

from hydra.plugins.launcher import Launcher
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

__all__ = ["OurLauncher"]


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
