"""A task of a job array: what a compute node runs. It needs the shared folder, and nothing else."""

from __future__ import annotations

import signal
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from types import FrameType
from typing import Any

from darkmagic.sweeps.launch.jobs.named import serve_named
from darkmagic.sweeps.launch.jobs.queue import Queue

__all__ = ["SlurmTask"]


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
        # scancel and preemption send it to all processes at once: what runs is given back.
        signal.signal(signal.SIGTERM, _exit)
        return serve_named(
            Queue(self.folder),
            self.names,
            gpus_per_trial=self.gpus_per_trial,
            at_once=self.at_once,
            threads=self.threads,
            retries=self.retries,
            stall_seconds=self.stall_seconds,
        )

    def checkpoint(self) -> Any:
        """Return what is to be run when the task is started again: the same."""
        from submitit.helpers import DelayedSubmission

        return DelayedSubmission(self)


def _exit(signum: int, frame: FrameType | None) -> None:
    del frame
    sys.exit(128 + signum)
