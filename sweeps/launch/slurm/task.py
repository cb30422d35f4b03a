"""A task of a job array: what a compute node runs. It needs the shared folder, and nothing else."""

from __future__ import annotations

import signal
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from darkmagic.sweeps.launch.devices import make_leases
from darkmagic.sweeps.launch.jobs.queue import JobFiles, Queue
from darkmagic.sweeps.launch.jobs.serve import serve
from darkmagic.sweeps.launch.local import fork_server

__all__ = ["PrintWork", "SlurmTask"]


class PrintWork:
    """A `WorkLog` whose lines go to the log of the task."""

    def began(self, job: JobFiles) -> None:
        """Print that a job began."""
        print(f"began {job.name}", flush=True)  # noqa: T201 (Slurm keeps what a task prints)

    def ended(self, job: JobFiles, what: str) -> None:
        """Print how a job ended."""
        print(f"ended {job.name}: {what}", flush=True)  # noqa: T201


@dataclass
class SlurmTask:
    """Runs the jobs `names` of the queue in `folder`, `at_once` side by side.

    submitit calls it on the node; near the time limit it calls `checkpoint`, and requeues what that
    returns. Each trial goes on from its own checkpoint, so that there is nothing to keep here.
    """

    folder: Path
    names: Sequence[str]
    gpus_per_trial: int
    at_once: int
    threads: int
    retries: int
    stall_seconds: Any

    def __call__(self) -> int:
        """Run the jobs; return how many were begun here."""
        queue = Queue(self.folder)
        fork_server.warm_up(torch=queue.wants_torch)
        if self.gpus_per_trial:
            leases = make_leases("auto", 1, self.threads, gpus_per_trial=self.gpus_per_trial)
        else:
            leases = make_leases("cpu", self.at_once, self.threads)
        # scancel and preemption send it to all processes at once: what runs is given back.
        signal.signal(signal.SIGTERM, _exit)

        def open_jobs() -> Iterator[tuple[JobFiles, float]]:
            lease_seconds = queue.lease_seconds
            for name in self.names:
                job = queue.job(name)
                if job.is_open and job.outcome() is None:
                    yield job, lease_seconds

        return serve(
            open_jobs,
            leases,
            log=PrintWork(),
            retries=self.retries,
            stall_seconds=self.stall_seconds,
            go_on=lambda _: next(open_jobs(), None) is not None,
        )

    def checkpoint(self) -> Any:
        """Return what is to be run when the task is started again: the same."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _exit(signum: int, frame: FrameType | None) -> None:
    del frame
    sys.exit(128 + signum)
