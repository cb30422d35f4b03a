"""Claims on jobs: one worker at a time has a job, until it ends or the worker dies.

A job's claims are numbered files. To claim a job is to make the next one, which the file system
lets one process do. Nobody renames or removes a claim, so that none can be taken by mistake. Its
owner renews the time of the last one; when it stands still for the time of a lease, the next may be
made. A worker that was taken for dead, as its machine slept, finds the next claim and leaves off.
So does what it has train, by itself, when the worker alone is stopped.
"""

from __future__ import annotations

import contextlib
import json
import os
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path

from darkmagic.sweeps.launch.jobs.holder import Holder, read_holder, seconds_since
from darkmagic.sweeps.launch.jobs.job_files import JobFiles, Outcome
from darkmagic.sweeps.launch.jobs.queue import Queue, job_name

__all__ = [
    "BEATS_A_LEASE",
    "LOST_SHARE",
    "MAX_DEATHS",
    "Claim",
    "claim_job",
    "is_running",
    "last_claim",
    "wait_until_lost",
]

GRACE_SECONDS = 7.0
"""After the death of a worker of this machine, whose children have five seconds to end."""
BEATS_A_LEASE = 8
LOST_SHARE = 0.7
"""Of a lease, after which a worker that could not renew it gives up before another begins."""
MAX_DEATHS = 5
"""Workers that may die with a job: what takes down its machine each time is not tried for ever."""
GIVEN_BACK = "given back"


@dataclass
class Claim:
    """A job that this process has, by its claim `number`. `deaths`: of workers that had it."""

    job: JobFiles
    number: int
    holder: Holder
    lease_seconds: float
    deaths: int = 0
    _beaten: float = field(default_factory=time.monotonic)

    @property
    def path(self) -> Path:
        """The claim's file."""
        return _file(self.job, self.number)

    def beat(self) -> None:
        """Renew the claim, unless it is lost: another worker may be about to make the next."""
        if self.lost() is not None:
            return
        with contextlib.suppress(OSError):
            os.utime(self.path)
            self._beaten = time.monotonic()

    def lost(self) -> str | None:
        """Return why this process has the job no more; None if it has it."""
        if not self.job.is_open:
            return "it was withdrawn"
        if _file(self.job, self.number + 1).exists():
            return "another worker has it"
        if time.monotonic() - self._beaten > LOST_SHARE * self.lease_seconds:
            return "its claim could not be renewed"
        return None

    def give_back(self) -> None:
        """Leave the job to the next worker, at once."""
        with contextlib.suppress(OSError):
            self.path.write_text(json.dumps(GIVEN_BACK))


def wait_until_lost(job: JobFiles, number: int, lease_seconds: float) -> str:
    """Return why claim `number` of `job` is lost, when it is: for the process that trains it.

    Who renews the claim may be stopped while what it started goes on, beside the next worker's.
    Only changes of the file's time count, so that it matters neither whose clock that is, nor that
    the whole machine sleeps.
    """
    path, following = _file(job, number), _file(job, number + 1)
    seen, last = _time_of(path), time.monotonic()
    while True:
        time.sleep(lease_seconds / BEATS_A_LEASE / 2)
        if following.exists():
            return "another worker has it"
        now, written = time.monotonic(), _time_of(path)
        if written is not None and written != seen:
            seen, last = written, now
        elif now - last > LOST_SHARE * lease_seconds:
            return f"its worker gave no sign of life for {now - last:.0f} s"


def claim_job(job: JobFiles, holder: Holder, lease_seconds: float) -> Claim | None:
    """Claim `job` for `holder`; None if it is not to be had.

    A job that took down `MAX_DEATHS` workers is ended instead. Raises `OSError` where the claim
    cannot be written, as on a full disk; then nobody has the job.
    """
    if not job.is_open or job.outcome() is not None:
        return None
    number = _last_number(job)
    if number and _is_live(job, number, lease_seconds):
        return None
    deaths = sum(not _was_given_back(_file(job, each)) for each in range(1, number + 1))
    if deaths >= MAX_DEATHS:
        error = f"{deaths} workers died while they trained it"
        job.end(Outcome(error, None, number, holder.host))
        return None
    claim = Claim(job, number + 1, holder, lease_seconds, deaths)
    try:
        with claim.path.open("x") as file:
            file.write(json.dumps(asdict(holder)))
    except (FileExistsError, FileNotFoundError):
        return None
    except OSError:
        with contextlib.suppress(OSError):
            claim.path.unlink()  # an empty one counts as a worker's that has died
        raise
    return claim if job.outcome() is None else None


def last_claim(job: JobFiles, lease_seconds: float) -> Holder | None:
    """Return who has `job` and is alive; None if nobody is."""
    number = _last_number(job)
    if not number or not _is_live(job, number, lease_seconds):
        return None
    return read_holder(_file(job, number))


def is_running(sweep_folder: Path, subdir: str) -> bool:
    """Whether a worker has the job whose output is in `subdir` of the sweep's folder."""
    queue = Queue(sweep_folder)
    job = queue.job(job_name(subdir))
    return job.path.is_dir() and last_claim(job, queue.lease_seconds) is not None


def _is_live(job: JobFiles, number: int, lease_seconds: float) -> bool:
    path = _file(job, number)
    if _was_given_back(path):
        return False
    holder = read_holder(path)
    if holder is not None and holder.is_here:
        return holder.runs_here() or seconds_since(path) < min(GRACE_SECONDS, lease_seconds)
    return seconds_since(path) < lease_seconds  # one whose file is being written among them


def _time_of(path: Path) -> int | None:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return None


def _was_given_back(path: Path) -> bool:
    try:
        return bool(path.read_text() == json.dumps(GIVEN_BACK))
    except OSError:
        return False


def _last_number(job: JobFiles) -> int:
    try:
        names = os.listdir(job.path)  # noqa: PTH208 (a list of names is what is needed)
    except FileNotFoundError:
        return 0
    numbers = [name.partition(".")[2] for name in names if name.startswith("claim.")]
    return max((int(each) for each in numbers if each.isdecimal()), default=0)


def _file(job: JobFiles, number: int) -> Path:
    return job.path / f"claim.{number}"
