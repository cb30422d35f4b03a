"""Jobs as files: who starts a sweep puts them into its folder, and workers take them from there.

Everything is in `.jobs` beside the folders of the trials, and a job has a folder there:

- `job.pkl`: its configuration, and the name of the file with what the jobs of a launch share. As
  long as it is there, the job is open to workers; to take it away withdraws the job.
- `claim.1`, `claim.2`, ...: who has taken it (`darkmagic.sweeps.launch.jobs.claims`).
- `stop`: why the worker that has it is to end it.
- `return.3.pkl`: what the job returned under claim 3; then `ended.json`, written last.
- `left.3`: why the process that ran it under claim 3 left off by itself.

Pickled files run code when they are read: who may write to the folder may do so on every worker.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import pickle
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

from darkmagic._version import __version__
from darkmagic.sweeps.launch.composed import ComposedJobs
from darkmagic.sweeps.launch.jobs.job_files import ENDED, JOB, STOP, JobFiles, write_bytes
from darkmagic.trainers.outputs.durable import DamagedFileError
from darkmagic.trainers.outputs.json_file import read_json, write_json

__all__ = ["FOLDER", "Queue", "find_queues", "job_name"]

FOLDER = ".jobs"
ORDER = "order.json"
LONGEST_NAME = 200
DEPTH = 2
"""How far below a folder its queues are looked for: Hydra's own are in multirun/DATE/TIME."""


class Queue:
    """The jobs of one folder of a sweep, such as an experiment's."""

    def __init__(self, sweep_folder: Path) -> None:
        self.path = sweep_folder / FOLDER

    def job(self, name: str) -> JobFiles:
        """Return the files of the job of this name, there or not."""
        return JobFiles(self.path / name)

    def publish(
        self,
        shared: bytes,
        composed: ComposedJobs,
        *,
        lease_seconds: float,
        torch: bool = True,
    ) -> list[JobFiles]:
        """Put jobs into the folder, in this order; return their files.

        One that is there already and has not ended goes on: its worker keeps it. `torch` says
        whether it pays that workers import it before they fork.
        """
        self.path.mkdir(parents=True, exist_ok=True)
        shared_name = f"shared.{hashlib.sha256(shared).hexdigest()[:16]}.pkl"
        if not (self.path / shared_name).exists():
            write_bytes(self.path / shared_name, shared)
        jobs = [self.job(job_name(subdir)) for subdir in composed.subdirs]
        for place, job in enumerate(jobs):
            if job.outcome() is not None:
                job.remove()
            job.path.mkdir(parents=True, exist_ok=True)
            (job.path / STOP).unlink(missing_ok=True)
            content = {
                "shared": shared_name,
                "directory": str(composed.directories[place]),
                "config": composed.configs.packed(place),
            }
            write_bytes(job.path / JOB, pickle.dumps(content))
        names = [job.name for job in jobs]
        others = [name for name in self.names() if name not in names and self.job(name).is_open]
        order = {
            "jobs": [*names, *others],
            "lease_seconds": lease_seconds,
            "torch": torch,
            "version": __version__,
        }
        write_json(self.path / ORDER, order)
        return jobs

    def tidy(self) -> None:
        """Remove the jobs that have ended, and the queue itself where there are no others."""
        jobs = [JobFiles(path) for path in self.path.glob("*") if path.is_dir()]
        for job in jobs:
            if job.outcome() is not None:
                job.remove()
        if not any(job.path.exists() for job in jobs):
            shutil.rmtree(self.path, ignore_errors=True)

    def _order(self) -> dict[str, Any]:
        try:
            return read_json(self.path / ORDER) or {}
        except DamagedFileError:
            return {}

    def names(self) -> list[str]:
        """Return the names of the jobs that were published last, in their order."""
        return [str(name) for name in self._order().get("jobs", [])]

    @property
    def lease_seconds(self) -> float:
        """After how many seconds without a sign of its worker a job is another's to take."""
        return float(self._order().get("lease_seconds", 60))

    @property
    def wants_torch(self) -> bool:
        """Whether workers are to import torch before they fork."""
        return bool(self._order().get("torch", True))

    @property
    def version(self) -> str | None:
        """The version of darkmagic that published the jobs; None if it does not say."""
        version = self._order().get("version")
        return None if version is None else str(version)

    def open_jobs(self) -> Iterator[JobFiles]:
        """Yield the jobs that have not ended and are not withdrawn, in their order."""
        for name in self.names():
            job = self.job(name)
            if job.is_open and not (job.path / ENDED).exists():
                yield job


def find_queues(folder: Path) -> list[Queue]:
    """Return the queues in `folder` and a little below it.

    What is below a folder that has a queue is not looked at: those are its trials.
    """
    found, level = [], [folder]
    for depth in range(DEPTH + 1):
        below: list[Path] = []
        for each in level:
            if (each / FOLDER).is_dir():
                found.append(Queue(each))
            elif depth < DEPTH:
                with contextlib.suppress(OSError), os.scandir(each) as entries:
                    below += [Path(e.path) for e in entries if e.is_dir() and e.name[0] != "."]
        level = sorted(below)
    return found


def job_name(subdir: str) -> str:
    """Return a job's name, from the folder of its output: one that a file may have."""
    name = quote(subdir, safe=" =,@+[]").replace("..", "%2E%2E")
    if len(name) > LONGEST_NAME:
        name = f"{name[:150]}-{hashlib.sha256(subdir.encode()).hexdigest()[:16]}"
    return name
