"""`hydra/sweeper=darkmagic_optuna`: jobs of any Hydra application, suggested by Optuna."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hydra.core.plugins import Plugins
from hydra.errors import CompactHydraException
from hydra.plugins.launcher import Launcher
from hydra.plugins.sweeper import Sweeper
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig, OmegaConf

__all__ = ["OptunaSweeper"]


class OptunaSweeper(Sweeper):
    """Suggests values of the swept overrides, and is told what the task function returns."""

    def __init__(
        self,
        sampler: str = "tpe",
        direction: str | Sequence[str] = "minimize",
        n_trials: int = 20,
        n_jobs: int = 1,
        storage: str | None = None,
        study_name: str | None = None,
        seed: int | None = None,
        params: Mapping[str, Any] | None = None,
    ) -> None:
        self._sampler = sampler
        self._direction = direction
        self._n_trials = n_trials
        self._n_jobs = n_jobs
        self._storage = storage
        self._study_name = study_name
        self._seed = seed
        self._params = params
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
        from darkmagic.checklist.errors import UserError
        from darkmagic.sweeps.tune.multirun import MultirunStudy

        assert self.config is not None
        directions = OmegaConf.to_container(OmegaConf.create({"all": self._direction}))
        assert isinstance(directions, dict)
        several = directions["all"]
        try:
            study = MultirunStudy(
                overrides=[*(f"{k}={v}" for k, v in (self._params or {}).items()), *arguments],
                sampler=self._sampler,
                directions=several if isinstance(several, list) else [several],
                trials=self._n_trials,
                storage=self._storage,
                name=self._study_name,
                seed=self._seed,
            )
        except UserError as error:  # which Hydra prints without a traceback
            raise CompactHydraException(str(error)) from error
        return study.run(self._launcher, str(self.config.hydra.sweep.dir), jobs=self._n_jobs)
