"""Tasks of Ray's for the jobs of a queue, one each."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.launch.jobs.job_files import JobFiles
from darkmagic.sweeps.launch.jobs.named import serve_named
from darkmagic.sweeps.launch.jobs.queue import Queue
from darkmagic.sweeps.launch.ray.request import RayRequest

__all__ = ["RayWorkers"]

CONNECT_SECONDS = 10.0
OWN = "local"
"""Ray's word for a cluster of its own on this machine, which ends with the command."""
GONE_SECONDS = 10.0
"""That a task may be over before its job's end is seen in the folder, through a network's cache."""


class RayWorkers:
    """The `Workers` of `hydra/launcher=ray`."""

    def __init__(self, queue: Queue, request: RayRequest) -> None:
        self._queue = queue
        self._request = request
        self._tasks: dict[str, Any] = {}  # by job's name
        self._over: dict[int, float] = {}

    def begin(self, jobs: Sequence[JobFiles]) -> None:
        """Give Ray a task a job; it runs each where there is room."""
        ray = _connect(self._request.address)
        request = self._request
        remote = ray.remote(_run).options(
            num_cpus=request.cpus_per_trial,
            num_gpus=request.gpus_per_trial,
            resources=dict(request.resources),
            max_retries=-1,  # of nodes that die; a job that kills its node ends by its claims
            name="darkmagic",
        )
        threads = request.threads or max(1, int(request.cpus_per_trial))
        gpus = 0 if not request.gpus_per_trial else max(1, int(request.gpus_per_trial))
        for job in jobs:
            self._tasks[job.name] = remote.remote(
                str(self._queue.path.parent),
                job.name,
                gpus,
                threads,
                request.retries,
                request.stall_seconds,
            )

    def given_up(self, jobs: Mapping[int, JobFiles]) -> Mapping[int, str]:
        """Return the jobs whose task is over, and what Ray says of it."""
        import ray

        now = time.monotonic()
        over: dict[int, str] = {}
        for index, job in jobs.items():
            task = self._tasks[job.name]
            if ray.wait([task], timeout=0)[0]:
                over[index] = "its task of Ray's is over"
                try:
                    ray.get(task)
                except Exception as error:  # noqa: BLE001 (whatever the task raised)
                    last = str(error).strip().splitlines()[-1]
                    over[index] = f"its task of Ray's failed: {type(error).__name__}: {last}"
        self._over = {index: self._over.get(index, now) for index in over}
        return {i: why for i, why in over.items() if now - self._over[i] >= GONE_SECONDS}

    def cancel(self, jobs: Sequence[JobFiles]) -> None:
        """End the tasks of `jobs`."""
        import ray

        for job in jobs:
            if job.name in self._tasks:
                ray.cancel(self._tasks[job.name], force=False)

    def close(self) -> None:
        """Leave the cluster, and end one that was started here."""
        import ray

        ray.shutdown()


def _connect(address: str | None) -> Any:
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    # Or else a task that asks for no GPU sees all of them.
    os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
    import ray

    # Without any, ray.init would take whatever cluster runs on this machine, somebody else's too.
    address = address or os.environ.get("RAY_ADDRESS") or OWN
    try:
        _reach(address)
        ray.init(
            address=address,
            include_dashboard=False if address == OWN else None,
            log_to_driver=False,
            configure_logging=False,
            ignore_reinit_error=True,
        )
    except (OSError, ValueError, RuntimeError) as error:
        said = " ".join(str(error).split())
        raise UserError(f"hydra.launcher.address={address}: Ray does not answer: {said}") from None
    return ray


def _reach(address: str) -> None:
    """Raise `OSError` where nothing listens at `address`: Ray would wait for it for minutes."""
    host, _, port = address.rpartition(":")
    if port.isdecimal() and "/" not in host:
        socket.create_connection((host, int(port)), CONNECT_SECONDS).close()


def _run(folder: str, name: str, gpus: int, threads: int, retries: int, stall_seconds: Any) -> int:
    """Run one job, on whatever node Ray has chosen."""
    return serve_named(
        Queue(Path(folder)),
        [name],
        gpus_per_trial=gpus,
        at_once=1,
        threads=threads,
        retries=retries,
        stall_seconds=stall_seconds,
    )
