"""`hydra/launcher=slurm`: jobs as tasks of job arrays, by submitit."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hydra_plugins.darkmagic._launching import QueuedLauncher

if TYPE_CHECKING:
    from darkmagic.sweeps.launch.jobs.follow import Workers
    from darkmagic.sweeps.launch.jobs.queue import Queue

__all__ = ["SlurmLauncher"]


class SlurmLauncher(QueuedLauncher):
    """Runs jobs of any Hydra application on Slurm's nodes, which share the sweep's folder."""

    def check(self) -> None:
        from darkmagic.sweeps.launch.slurm.ask import check_partition, check_slurm
        from darkmagic.sweeps.launch.slurm.request import SlurmRequest

        check_slurm()
        request = SlurmRequest(**self._request)
        request.check()
        check_partition(request.partition, request.timeout_min, qos=request.qos)

    def workers(self) -> Callable[[Queue], Workers]:
        from darkmagic.sweeps.launch.slurm.request import SlurmRequest
        from darkmagic.sweeps.launch.slurm.submit import SlurmWorkers

        request = SlurmRequest(**self._request)
        request.check()
        return lambda queue: SlurmWorkers(queue, request)
