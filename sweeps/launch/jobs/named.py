"""Jobs of a queue that one process of a scheduler's is to run, and no others."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from darkmagic.sweeps.launch.devices import make_leases
from darkmagic.sweeps.launch.jobs.job_files import JobFiles
from darkmagic.sweeps.launch.jobs.queue import Queue
from darkmagic.sweeps.launch.jobs.serve import serve
from darkmagic.sweeps.launch.local import fork_server

__all__ = ["PrintWork", "serve_named"]


class PrintWork:
    """A `WorkLog` whose lines go to the log that the scheduler keeps."""

    def note(self, text: str) -> None:
        """Print a line of no one job."""
        print(text, flush=True)  # noqa: T201

    def began(self, job: JobFiles) -> None:
        """Print that a job began."""
        print(f"began {job.name}", flush=True)  # noqa: T201

    def ended(self, job: JobFiles, what: str) -> None:
        """Print how a job ended."""
        print(f"ended {job.name}: {what}", flush=True)  # noqa: T201


def serve_named(
    queue: Queue,
    names: Sequence[str],
    *,
    gpus_per_trial: int,
    at_once: int,
    threads: int,
    retries: int,
    stall_seconds: Any,
) -> int:
    """Run the jobs `names` on the GPUs that this process sees, or with none on the CPU.

    `at_once` of them run side by side on a CPU, and on GPUs as many as there are for. Returns how
    many were begun here, when all of them have ended or were withdrawn.
    """
    fork_server.warm_up(torch=queue.wants_torch)
    if gpus_per_trial:
        leases = make_leases("auto", 1, threads, gpus_per_trial=gpus_per_trial)
    else:
        leases = make_leases("cpu", at_once, threads)

    def open_jobs() -> Iterator[tuple[JobFiles, float]]:
        lease_seconds = queue.lease_seconds
        for name in names:
            job = queue.job(name)
            if job.is_open and job.outcome() is None:
                yield job, lease_seconds

    return serve(
        open_jobs,
        leases,
        log=PrintWork(),
        retries=retries,
        stall_seconds=stall_seconds,
        go_on=lambda _: next(open_jobs(), None) is not None,
    )
