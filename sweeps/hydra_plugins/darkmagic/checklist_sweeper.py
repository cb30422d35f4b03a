"""`hydra/sweeper=checklist`: the trials of the application's `checklist` node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.plugins import Plugins
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

__all__ = ["ChecklistSweeper"]


class ChecklistSweeper(Sweeper):
    """Expands the checklist, composes every trial, and launches those that are not trained yet."""

    def __init__(self, trick_overrides: Sequence[str] = ()) -> None:
        self._trick_overrides = list(trick_overrides)
        self._launcher: Launcher

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        self.hydra_context = hydra_context
        self.config = config
        self._launcher = Plugins.instance().instantiate_launcher(
            hydra_context=hydra_context, task_function=task_function, config=config
        )

    def sweep(self, arguments: list[str]) -> Any:
        from darkmagic.sweeps.launch.context import current_context
        from darkmagic.sweeps.orchestrate.sweep import run_sweep

        assert self.config is not None
        assert self.hydra_context is not None
        instead = current_context().instead
        if instead is not None:
            return instead(self.hydra_context.config_loader, self.config, self._launcher)
        return run_sweep(
            self.hydra_context.config_loader,
            self.config,
            arguments,
            self._trick_overrides,
            self._launcher,
        )
