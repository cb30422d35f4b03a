"""`darkmagic worker`: trials of the sweeps in a folder, on this machine's devices."""

from __future__ import annotations

import importlib.util
import os
import platform
import time
from collections.abc import Iterator
from pathlib import Path

from darkmagic._version import __version__
from darkmagic.checklist.errors import UserError
from darkmagic.distribution import DISTRIBUTION
from darkmagic.sweeps.launch.devices import AUTO, CPU, Lease, check_share, make_leases
from darkmagic.sweeps.launch.jobs.job_files import JobFiles
from darkmagic.sweeps.launch.jobs.queue import Queue, find_queues
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
    if not os.access(folder, os.W_OK):
        raise UserError(
            f"cannot write to {folder}, where a worker says what it has and how it ended"
        )
    check_share(trials_per_device, gpus_per_trial)
    names, leases = _named_devices(devices), None

    def share_devices() -> list[Lease]:
        return make_leases(names, trials_per_device, threads, gpus_per_trial=gpus_per_trial)

    if names not in (AUTO, CPU):  # or else a wrong one would wait for a trial to be told of
        fork_server.warm_up(torch=importlib.util.find_spec("torch") is not None)
        leases = share_devices()
    log.note(f"{platform.node()}: waiting for trials of sweeps in {folder.absolute()}")
    jobs = _Jobs(folder, log)
    began = time.monotonic()

    def go_on(idle: float) -> bool:
        return idle_seconds is None or idle < idle_seconds

    while (wants_torch := jobs.want_torch()) is None:
        if not go_on(time.monotonic() - began):
            return 0
        time.sleep(1)
    fork_server.warm_up(torch=wants_torch)
    return serve(jobs, leases or share_devices(), log=log, go_on=go_on)


def _named_devices(devices: str) -> str | list[str]:
    """Return what `--devices` says: auto, cpu, or GPUs' indices. Raises `UserError` for others."""
    if devices in (AUTO, CPU):
        return devices
    names = [each.strip() for each in devices.strip("[]").split(",")]
    if not all(name.isdecimal() for name in names):
        raise UserError(f"--devices {devices}: choose auto, cpu, or indices of GPUs such as 0,1")
    return names


class _Jobs:
    """The open jobs of all queues in a folder; new queues are looked for now and then.

    A queue of another version's is left to workers of that version, whose trials are not ours.
    """

    def __init__(self, folder: Path, log: WorkLog) -> None:
        self._folder = folder
        self._log = log
        self._searched = 0.0
        self._queues: list[Queue] = []
        self._told: set[Path] = set()

    def _find(self) -> list[Queue]:
        now = time.monotonic()
        if now - self._searched >= SECONDS_BETWEEN_SEARCHES or not self._queues:
            self._searched, self._queues = now, find_queues(self._folder)
        return [queue for queue in self._queues if self._is_ours(queue)]

    def _is_ours(self, queue: Queue) -> bool:
        theirs = queue.version
        if theirs in (None, __version__):
            return True
        if queue.path not in self._told:
            self._told.add(queue.path)
            self._log.note(
                f"left alone: {queue.path.parent} is a sweep of darkmagic {theirs}, and this is "
                f"{__version__}; pip install '{DISTRIBUTION}=={theirs}' to train it here"
            )
        return False

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
