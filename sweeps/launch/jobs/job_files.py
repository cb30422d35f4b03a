"""The files of one job: what it is, who has it, and how it ended; see `queue` for all of them."""

from __future__ import annotations

import contextlib
import pickle
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cloudpickle
from hydra.core.utils import JobReturn
from omegaconf import DictConfig

from darkmagic.sweeps.launch.jobs.run import failed_job
from darkmagic.sweeps.packed import unpack
from darkmagic.trainers.outputs.durable import DamagedFileError, write_file
from darkmagic.trainers.outputs.json_file import read_json, write_json

__all__ = ["ENDED", "JOB", "STOP", "JobFiles", "Outcome", "write_bytes"]

JOB, ENDED, STOP = "job.pkl", "ended.json", "stop"


@dataclass(frozen=True)
class Outcome:
    """How a job ended, as its worker says it."""

    error: str | None
    exit_code: int | None
    claim: int
    host: str


@dataclass(frozen=True)
class JobFiles:
    """The files of one job, in the folder `path`."""

    path: Path

    @property
    def name(self) -> str:
        """The name of the job's folder, which says which it is."""
        return self.path.name

    @property
    def is_open(self) -> bool:
        """Whether workers may take it or go on with it."""
        return (self.path / JOB).exists()

    def read(self) -> tuple[bytes, DictConfig]:
        """Return what its launch shares, pickled, and its configuration."""
        content = self._content()
        return (self.path.parent / content["shared"]).read_bytes(), unpack(content["config"])

    def _content(self) -> dict[str, Any]:
        """Return what `job.pkl` says; its configuration is left pickled, as it may need imports."""
        content: dict[str, Any] = pickle.loads((self.path / JOB).read_bytes())  # noqa: S301
        return content

    @property
    def directory(self) -> Path:
        """The folder of the job's output."""
        return Path(self._content()["directory"])

    def stop(self, reason: str) -> None:
        """Ask the worker that has it to end it."""
        with contextlib.suppress(FileNotFoundError):
            write_bytes(self.path / STOP, reason.encode())

    @property
    def stop_reason(self) -> str | None:
        """Why it is to be ended; None if it is not."""
        try:
            return (self.path / STOP).read_text()
        except FileNotFoundError:
            return None

    def withdraw(self) -> None:
        """Close it: no worker takes it, and one that has it gives it back."""
        (self.path / JOB).unlink(missing_ok=True)

    def leave(self, claim: int, reason: str) -> None:
        """Say that what runs it under `claim` leaves off by itself."""
        with contextlib.suppress(OSError):
            write_bytes(self.path / f"left.{claim}", reason.encode())

    def left_reason(self, claim: int) -> str | None:
        """Why what ran it under `claim` left off by itself; None if it did not."""
        try:
            return (self.path / f"left.{claim}").read_text()
        except OSError:
            return None

    def keep_return(self, claim: int, job: JobReturn) -> None:
        """Write what the job returned, before it is said that it ended."""
        content = cloudpickle.dumps(job)
        with contextlib.suppress(FileNotFoundError):  # withdrawn and removed meanwhile
            write_bytes(self.path / f"return.{claim}.pkl", content)

    def end(self, outcome: Outcome) -> None:
        """Say that the job has ended."""
        with contextlib.suppress(FileNotFoundError):  # withdrawn and removed meanwhile
            write_json(self.path / ENDED, vars(outcome))

    def outcome(self) -> Outcome | None:
        """Return how the job ended; None if it has not."""
        try:
            content = read_json(self.path / ENDED)
            return None if content is None else Outcome(**content)
        except (DamagedFileError, TypeError) as error:
            return Outcome(f"its end cannot be read ({error})", None, 0, "")

    def result(self, outcome: Outcome, configs: Sequence[DictConfig], index: int) -> JobReturn:
        """Return the `JobReturn` of a job that has ended, or one that says why there is none."""
        if outcome.error is not None:
            return failed_job(outcome.error, configs[index])
        try:
            job = cloudpickle.loads((self.path / f"return.{outcome.claim}.pkl").read_bytes())
        except Exception as error:  # noqa: BLE001 (what unpickles may raise anything)
            return failed_job(f"what it returned cannot be read: {error}", configs[index])
        assert isinstance(job, JobReturn)
        return job

    def remove(self) -> None:
        """Remove the files of a job that nobody runs: `job.pkl` first, so that nobody takes it."""
        self.withdraw()
        shutil.rmtree(self.path, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file whole, or not at all."""
    write_file(path, lambda file: file.write(content))
