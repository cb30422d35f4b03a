"""`hydra/launcher=worker`: jobs for `darkmagic worker` processes that share the sweep's folder."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from hydra_plugins.darkmagic._launching import QueuedLauncher

if TYPE_CHECKING:
    from darkmagic.sweeps.launch.jobs.follow import Workers
    from darkmagic.sweeps.launch.jobs.queue import Queue

__all__ = ["WorkerLauncher"]


class WorkerLauncher(QueuedLauncher):
    """Puts jobs of any Hydra application into files, and waits until workers have run them."""

    def workers(self) -> Callable[[Queue], Workers]:
        from darkmagic.sweeps.launch.jobs.volunteers import Volunteers

        return Volunteers
