"""The work of a worker: take jobs, run each on a device of this machine, say how it ended.

`darkmagic worker`, a task of Slurm's and one of Ray's all do this. A worker needs the folder, and
nothing else: no server, no network, no MLflow.
"""

from __future__ import annotations

import os
import platform
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Protocol

from hydra.core.utils import JobReturn, JobStatus

from darkmagic.checklist.secrets import masked_traceback
from darkmagic.sweeps.launch.devices import AUTO, Lease
from darkmagic.sweeps.launch.jobs.claims import (
    BEATS_A_LEASE,
    Claim,
    claim_job,
    wait_until_lost,
)
from darkmagic.sweeps.launch.jobs.holder import Holder
from darkmagic.sweeps.launch.jobs.job_files import JobFiles, Outcome
from darkmagic.sweeps.launch.jobs.run import retry_of, run_shipped
from darkmagic.sweeps.launch.local import child
from darkmagic.sweeps.launch.local.calls import Call, Ended
from darkmagic.sweeps.launch.local.pool import run_calls
from darkmagic.sweeps.launch.local.stall import StallWatch
from darkmagic.sweeps.trial.retry import RETRY_REASON
from darkmagic.trainers.outputs.durable import NO_ROOM

__all__ = ["IgnoreWork", "Work", "WorkLog", "run_files", "run_job_files", "serve"]

PAUSE_SECONDS = 1.0
SECONDS_OF_OUR_OWN = 2.0


class WorkLog(Protocol):
    """Receives what a worker does, to show it."""

    def note(self, text: str) -> None:
        """Receive a line of no one job."""

    def began(self, job: JobFiles) -> None:
        """Receive a job that this process has from now on."""

    def ended(self, job: JobFiles, what: str) -> None:
        """Receive a job that has ended here, and how."""


class IgnoreWork:
    """A `WorkLog` that shows nothing."""

    def note(self, text: str) -> None: ...
    def began(self, job: JobFiles) -> None: ...
    def ended(self, job: JobFiles, what: str) -> None: ...


@dataclass
class Work:
    """The jobs that a worker has had, by the index of their call in the pool."""

    holder: Holder
    log: WorkLog
    watch: StallWatch
    claims: list[Claim] = field(default_factory=list)
    running: dict[int, Claim] = field(default_factory=dict)
    waits_for_room: bool = False

    def claim(self, job: JobFiles, lease_seconds: float) -> Claim | None:
        """Claim `job`; None if it is not to be had. A full disk is waited for, and said once."""
        try:
            return claim_job(job, self.holder, lease_seconds)
        except OSError as error:
            if error.errno not in NO_ROOM:
                raise
            if not self.waits_for_room:
                self.log.note(f"no room on the disk of {job.path}: trials wait until there is")
            self.waits_for_room = True
            return None

    def add(self, claim: Claim) -> Call | None:
        """Return the call of a job that was claimed; None for one that is not to be run any more.

        A job whose file nobody can read is ended, as it would be the next worker's to fail on.
        """
        try:
            directory = claim.job.directory
        except FileNotFoundError:  # withdrawn since it was claimed
            claim.give_back()
            return None
        except Exception as error:  # noqa: BLE001 (what unpickles may raise anything)
            what = f"its file {claim.job.path} cannot be read: {type(error).__name__}: {error}"
            claim.job.end(Outcome(what, None, claim.number, platform.node()))
            self.log.note(what)
            return None
        self.waits_for_room = False
        self.running[len(self.claims)] = claim
        self.claims.append(claim)
        self.watch.add(directory)
        env = {}
        if claim.deaths:
            env[RETRY_REASON] = "trained again: the worker that had it died"
        self.log.began(claim.job)
        args = (str(claim.job.path), claim.number, claim.lease_seconds, env)
        return Call(run_job_files, args)

    def to_end(self, index: int, began: float) -> str | None:
        """Return why a job that runs is to be ended here."""
        claim = self.running[index]
        return claim.lost() or claim.job.stop_reason or self.watch.stalled(index, began)

    def on_end(self, index: int, ended: Ended) -> None:
        if ended.exit_code == -signal.SIGTERM and not ended.stalled:
            time.sleep(SECONDS_OF_OUR_OWN)  # whoever ended the child may be ending this process too
        claim = self.running.pop(index)
        lost = claim.lost()
        if lost is None and ended.error is not None:
            lost = claim.job.left_reason(claim.number)
        if lost is None:
            outcome = Outcome(ended.error, ended.exit_code, claim.number, platform.node())
            claim.job.end(outcome)
        else:
            claim.give_back()
        self.log.ended(claim.job, lost or ended.error or _describe(ended))

    def give_back(self) -> None:
        for claim in self.running.values():
            if claim.lost() is None:
                claim.give_back()
                self.log.ended(claim.job, "given back")


def serve(
    jobs: Callable[[], Iterable[tuple[JobFiles, float]]],
    leases: Sequence[Lease],
    *,
    log: WorkLog,
    retries: int = 1,
    stall_seconds: float | str | None = AUTO,
    go_on: Callable[[float], bool],
) -> int:
    """Run jobs until `go_on`, of the seconds without one, says no; return how many were run.

    `jobs` gives those that are open, each with the seconds of its lease. When this is interrupted,
    what runs is ended and given back, so that another worker goes on with it at once.
    """
    work = Work(Holder.this_process(), log, StallWatch([], stall_seconds))

    def more() -> Call | None:
        for job, lease_seconds in jobs():
            claim = work.claim(job, lease_seconds)
            if claim is not None and (call := work.add(claim)) is not None:
                return call
        return None

    stop = threading.Event()
    threading.Thread(target=_beat, args=(work.running, stop), daemon=True).start()
    idle_since = time.monotonic()
    try:
        while True:
            before = len(work.claims)
            _run_round(work, leases, more, retries)
            now = time.monotonic()
            if len(work.claims) > before:
                idle_since = now
            if not go_on(now - idle_since):
                return len(work.claims)
            time.sleep(PAUSE_SECONDS)
    finally:
        stop.set()
        work.give_back()


def _run_round(
    work: Work, leases: Sequence[Lease], more: Callable[[], Call | None], retries: int
) -> None:
    """Run jobs until there is none to be had and none runs."""
    first = len(work.claims)
    run_calls(
        [],
        leases,
        on_start=lambda _: None,
        on_end=lambda index, ended: work.on_end(first + index, ended),
        retry=retry_of,
        retries=retries,
        stalled=lambda index, began: work.to_end(first + index, began),
        more=more,
    )


def run_job_files(path: str, claim: int, lease_seconds: float, env: Mapping[str, str]) -> JobReturn:
    """Run the job in `path`, in a child that ends where its claim is lost.

    Leaves what the job returned beside it: the worker, which may not have what it takes to read
    that, gets its status and its result alone.
    """
    os.environ.update(env)
    job = JobFiles(Path(path))
    if job.left_reason(claim) is not None:  # as the pool makes calls of processes that died again
        child.end_child()
    threading.Thread(target=_leave_when_lost, args=(job, claim, lease_seconds), daemon=True).start()
    return run_files(job, claim)


def run_files(job: JobFiles, claim: int) -> JobReturn:
    """Run `job` in this process, and leave what it returned beside it; return that in brief."""
    try:
        shared, config = job.read()
        returned = run_shipped(shared, config)
    except Exception as error:  # noqa: BLE001 (such as of a module that is not on this machine)
        if job.is_open:  # or else it was withdrawn before it was read
            sys.stderr.write(masked_traceback())
        message = f"on {platform.node()}: {type(error).__name__}: {error}"
        returned = JobReturn(status=JobStatus.FAILED)
        returned.return_value = RuntimeError(message)
    job.keep_return(claim, returned)
    brief = JobReturn(status=returned.status)
    value = returned._return_value  # noqa: SLF001 (that of a failed job would be raised)
    if isinstance(value, dict) and "status" in value:
        brief.return_value = {key: str(value.get(key)) for key in ("status", "reason")}
    return brief


def _leave_when_lost(job: JobFiles, claim: int, lease_seconds: float) -> None:
    """End this process before another trains the job beside it."""
    job.leave(claim, wait_until_lost(job, claim, lease_seconds))
    child.end_child()


def _describe(ended: Ended) -> str:
    job = ended.value
    if job.status is not JobStatus.COMPLETED:
        return "failed"
    result = job.return_value
    return str(result["status"]) if isinstance(result, dict) else "finished"


def _beat(running: Mapping[int, Claim], stop: threading.Event) -> None:
    """Renew all claims, several times a lease."""
    pause = 0.5
    while not stop.wait(pause):
        claims = list(running.values())
        for claim in claims:
            claim.beat()
        pause = min((c.lease_seconds for c in claims), default=4.0) / BEATS_A_LEASE
