"""`hydra/launcher=ray`: jobs as tasks of a Ray cluster."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from hydra_plugins.darkmagic._launching import OurLauncher

__all__ = ["RayLauncher"]


class RayLauncher(OurLauncher):
    """Runs jobs of any Hydra application on Ray's nodes, which share the sweep's folder."""

    forks_here = False

    def __init__(self, lease_seconds: float = 60.0, **request: Any) -> None:
        self._lease_seconds = lease_seconds
        self._request = request

    def setup(
        self, *, hydra_context: HydraContext, task_function: TaskFunction, config: DictConfig
    ) -> None:
        from darkmagic.sweeps.launch.check import check_ray

        check_ray()
        super().setup(hydra_context=hydra_context, task_function=task_function, config=config)

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        from darkmagic.sweeps.launch.jobs.follow import run_queued
        from darkmagic.sweeps.launch.ray.submit import RayRequest, RayWorkers

        request = RayRequest(**self._request)
        request.check()
        return run_queued(
            self._hydra_context,
            self._task_function,
            self._config,
            job_overrides,
            initial_job_idx,
            make_workers=lambda queue: RayWorkers(queue, request),
            lease_seconds=self._lease_seconds,
        )
