"""`darkmagic worker`: trials of the sweeps in a folder, on this machine's devices."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.launch.devices import check_share, make_leases
from darkmagic.sweeps.launch.jobs.queue import JobFiles, Queue, find_queues
from darkmagic.sweeps.launch.jobs.serve import WorkLog, serve
from darkmagic.sweeps.launch.local import fork_server

__all__ = ["WorkLog", "run_worker"]

SECONDS_BETWEEN_SEARCHES = 10.0


def run_worker(
    folder: Path,
    log: WorkLog,
    *,
    devices: str = "auto",
    trials_per_device: int | None = None,
    gpus_per_trial: int = 1,
    threads: int | None = None,
    idle_seconds: float | None = None,
) -> int:
    """Train trials of the sweeps in `folder` as they come; return how many were trained here.

    Ends after `idle_seconds` without one, or never. `devices`, `trials_per_device`,
    `gpus_per_trial` and `threads` are what `hydra/launcher=local` takes them for. Raises
    `UserError` for a folder that is not there, and for devices that are not.
    """
    if not folder.is_dir():
        raise UserError(
            f"no folder {folder} on this machine: --out is the folder of all experiments, which "
            "all machines share (runs, where the sweep was started)"
        )
    check_share(trials_per_device, gpus_per_trial)
    jobs = _Jobs(folder)
    began = time.monotonic()

    def go_on(idle: float) -> bool:
        return idle_seconds is None or idle < idle_seconds

    while (wants_torch := jobs.want_torch()) is None:
        if not go_on(time.monotonic() - began):
            return 0
        time.sleep(1)
    fork_server.warm_up(torch=wants_torch)
    names: str | list[str] = devices
    if devices not in ("auto", "cpu"):
        names = [each.strip() for each in devices.strip("[]").split(",")]
    leases = make_leases(names, trials_per_device, threads, gpus_per_trial=gpus_per_trial)
    return serve(jobs, leases, log=log, go_on=go_on)


class _Jobs:
    """The open jobs of all queues in a folder; new queues are looked for now and then."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._searched = 0.0
        self._queues: list[Queue] = []

    def _find(self) -> list[Queue]:
        now = time.monotonic()
        if now - self._searched >= SECONDS_BETWEEN_SEARCHES or not self._queues:
            self._searched, self._queues = now, find_queues(self._folder)
        return self._queues

    def __call__(self) -> Iterator[tuple[JobFiles, float]]:
        for queue in self._find():
            lease_seconds = queue.lease_seconds
            for job in queue.open_jobs():
                yield job, lease_seconds

    def want_torch(self) -> bool | None:
        """Return whether the first that are open want torch; None while none are open."""
        for queue in self._find():
            if next(queue.open_jobs(), None) is not None:
                return queue.wants_torch
        return None
