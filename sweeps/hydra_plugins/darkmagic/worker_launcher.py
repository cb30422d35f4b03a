"""`hydra/launcher=worker`: jobs for `darkmagic worker` processes that share the sweep's folder."""

from __future__ import annotations

from collections.abc import Sequence

from hydra.core.utils import JobReturn

from hydra_plugins.darkmagic._launching import OurLauncher

__all__ = ["WorkerLauncher"]


class WorkerLauncher(OurLauncher):
    """Puts jobs of any Hydra application into files, and waits until workers have run them."""

    forks_here = False

    def __init__(self, lease_seconds: float = 60.0) -> None:
        self._lease_seconds = lease_seconds

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        from darkmagic.sweeps.launch.jobs.follow import run_queued
        from darkmagic.sweeps.launch.jobs.volunteers import Volunteers

        return run_queued(
            self._hydra_context,
            self._task_function,
            self._config,
            job_overrides,
            initial_job_idx,
            make_workers=Volunteers,
            lease_seconds=self._lease_seconds,
        )
