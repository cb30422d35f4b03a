"""`hydra/launcher=ray`: jobs as tasks of a Ray cluster."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hydra_plugins.darkmagic._launching import QueuedLauncher

if TYPE_CHECKING:
    from darkmagic.sweeps.launch.jobs.follow import Workers
    from darkmagic.sweeps.launch.jobs.queue import Queue

__all__ = ["RayLauncher"]


class RayLauncher(QueuedLauncher):
    """Runs jobs of any Hydra application on Ray's nodes, which share the sweep's folder."""

    def check(self) -> None:
        from darkmagic.sweeps.launch.check import check_ray

        check_ray()

    def workers(self) -> Callable[[Queue], Workers]:
        from darkmagic.sweeps.launch.ray.request import RayRequest
        from darkmagic.sweeps.launch.ray.submit import RayWorkers

        request = RayRequest(**self._request)
        request.check()
        return lambda queue: RayWorkers(queue, request)
