"""`hydra/launcher=local`: one forked process a job, one device each."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.utils import JobReturn

from hydra_plugins.darkmagic._launching import OurLauncher, one_line

__all__ = ["LocalLauncher"]


class LocalLauncher(OurLauncher):
    """Runs jobs of any Hydra application on this machine's devices."""

    def __init__(
        self,
        devices: Any = "auto",
        trials_per_device: Any = None,
        threads: int | None = None,
        retries: int = 1,
        stall_seconds: Any = "auto",
        gpus_per_trial: int = 1,
    ) -> None:
        self._gpus_per_trial = gpus_per_trial
        self._retries = retries
        self._stall_seconds = stall_seconds
        self._devices = devices
        self._trials_per_device = trials_per_device
        self._threads = threads

    def launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int
    ) -> Sequence[JobReturn]:
        return self._launch(job_overrides, initial_job_idx, None)

    def stream(self, feed: Any) -> Sequence[JobReturn]:
        """Run the jobs that `feed` gives, each when a device is free; see `sweeps.launch.feed`."""
        return self._launch([], 0, feed)

    def _launch(
        self, job_overrides: Sequence[Sequence[str]], initial_job_idx: int, feed: Any
    ) -> Sequence[JobReturn]:
        from darkmagic.sweeps.launch.local.launcher import launch_local

        with one_line():
            return launch_local(
                self._hydra_context,
                self._task_function,
                self._config,
                job_overrides,
                initial_job_idx,
                devices=self._devices,
                trials_per_device=self._trials_per_device,
                threads=self._threads,
                retries=self._retries,
                stall_seconds=self._stall_seconds,
                feed=feed,
                gpus_per_trial=self._gpus_per_trial,
            )
