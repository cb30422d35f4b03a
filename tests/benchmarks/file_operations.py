"""What each part of a sweep on several machines asks of the file system that they share.

    python tests/benchmarks/file_operations.py [--json] [--results]

Calls that name a file of the shared folder (opens, stats, makings, renames), counted by strace in
the code that makes them: of ten jobs more, so that what a pass costs once is not among them. Needs
strace (`apt-get install strace`); no load of the machine changes what is counted.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import OmegaConf

from darkmagic.sweeps.launch.composed import ComposedJobs
from darkmagic.sweeps.launch.jobs.claims import Claim, claim_job
from darkmagic.sweeps.launch.jobs.follow import Jobs
from darkmagic.sweeps.launch.jobs.holder import Holder
from darkmagic.sweeps.launch.jobs.job_files import JobFiles, Outcome
from darkmagic.sweeps.launch.jobs.queue import Queue
from darkmagic.sweeps.launch.jobs.serve import IgnoreWork, Work
from darkmagic.sweeps.launch.local.stall import StallWatch
from darkmagic.sweeps.trial.paths import read_events
from darkmagic.trainers.outputs.event_log import EventLog
from harness.machine import versions
from harness.table import arguments, limited, publish
from harness.turns import Measured

LEASE = 60.0
HERE = Holder.this_process()
ELSEWHERE = replace(HERE, machine="another", host="node7")
BEGIN, END = ".begin.", ".end."
FEW, MANY = 1, 11


class _Enough(Exception):  # noqa: N818 (no error: the pass is over)
    """A pass has been counted."""


def _mark(folder: Path, what: str) -> None:
    (folder / what).exists()


class _Sweep:
    """A sweep of `count` jobs in `folder`, of which nothing has begun."""

    def __init__(self, folder: Path, count: int, name: str) -> None:
        self.folder, self.name = folder / f"{name}-{count}", f"{name}-{count}"
        configs = [
            OmegaConf.create({"hydra": {"sweep": {"dir": str(self.folder), "subdir": f"t{i:04}"}}})
            for i in range(count)
        ]
        self.composed, self.queue = ComposedJobs.of(configs), Queue(self.folder)
        self.jobs: list[JobFiles] = []

    def publish(self) -> None:
        """Put the jobs into the folder."""
        self.jobs = self.queue.publish(b"shared", self.composed, lease_seconds=LEASE)

    def claim(self, holder: Holder) -> list[Claim]:
        """Have `holder` take each job."""
        claims = [claim_job(job, holder, LEASE) for job in self.jobs]
        return [claim for claim in claims if claim is not None]

    def counted(self, part: Callable[[], object]) -> None:
        """Do what is counted."""
        _mark(self.folder, f"{BEGIN}{self.name}")
        part()
        _mark(self.folder, f"{END}{self.name}")


def _submitted(sweep: _Sweep) -> None:
    sweep.counted(sweep.publish)


def _looked_at(sweep: _Sweep) -> None:
    sweep.publish()
    sweep.claim(ELSEWHERE)
    sweep.counted(lambda: [claim_job(job, HERE, LEASE) for job in sweep.queue.open_jobs()])


def _taken(sweep: _Sweep) -> None:
    sweep.publish()
    work = Work(HERE, IgnoreWork(), StallWatch([], None))

    def take() -> None:
        for job in sweep.queue.open_jobs():
            claim = claim_job(job, HERE, LEASE)
            assert claim is not None
            assert work.add(claim) is not None

    sweep.counted(take)


def _renewed(sweep: _Sweep) -> None:
    sweep.publish()
    claims = sweep.claim(HERE)
    sweep.counted(lambda: [claim.beat() for claim in claims])


class _OnePass:
    """Workers of whom nobody comes, and who have the command leave after one look at all jobs."""

    def __init__(self, sweep: _Sweep) -> None:
        self._sweep, self._passes = sweep, 0

    def given_up(self, jobs: Mapping[int, JobFiles]) -> Mapping[int, str]:
        """Count from here to here."""
        del jobs
        self._passes += 1
        _mark(self._sweep.folder, f"{BEGIN if self._passes == 1 else END}{self._sweep.name}")
        if self._passes == 2:
            raise _Enough
        return {}

    def begin(self, jobs: Sequence[JobFiles]) -> None: ...
    def cancel(self, jobs: Sequence[JobFiles]) -> None: ...
    def close(self) -> None: ...


def _follow(sweep: _Sweep) -> None:
    Jobs(sweep.queue, sweep.jobs, sweep.composed).follow(
        _OnePass(sweep),
        on_start=lambda _: None,
        on_end=lambda _index, _job, _code: None,
        hopeless=lambda _: None,
        fail_fast=False,
    )


def _followed(sweep: _Sweep) -> None:
    sweep.publish()
    with contextlib.suppress(_Enough):
        _follow(sweep)


def _followed_running(sweep: _Sweep) -> None:
    sweep.publish()
    sweep.claim(ELSEWHERE)
    with contextlib.suppress(_Enough):
        _follow(sweep)


def _ended(sweep: _Sweep) -> None:
    sweep.publish()
    returned = JobReturn(status=JobStatus.COMPLETED)
    returned.return_value = 0.9
    for claim in sweep.claim(HERE):
        claim.job.keep_return(claim.number, returned)
        claim.job.end(Outcome(None, 0, claim.number, "here"))
    sweep.counted(lambda: _follow(sweep))


def _read(sweep: _Sweep) -> None:
    directories = [sweep.folder / f"t{i}" for i in range(len(sweep.composed.configs))]
    for directory in directories:
        directory.mkdir(parents=True)
        EventLog(directory).append({"type": "epoch", "epoch": 1})
    sweep.counted(lambda: [read_events(directory, 1) for directory in directories])


PARTS: dict[str, Callable[[_Sweep], None]] = {
    "the command: puts a job into the folder": _submitted,
    "a worker: looks at a job that another has": _looked_at,
    "a worker: takes a job": _taken,
    "a worker: renews a claim": _renewed,
    "the command: follows a job that waits": _followed,
    "the command: follows a job that runs": _followed_running,
    "the command: reads what a running trial has added": _read,
    "the command: reads a job's end, and takes it out": _ended,
}


def operations() -> dict[str, float]:
    """Return how many calls name a file, by part, for each job more."""
    with tempfile.TemporaryDirectory() as name:
        log, folder = Path(name) / "strace.log", Path(name) / "shared"
        folder.mkdir()
        command = ["strace", "-f", "-qq", "-y", "-s", "4096", "-e", "trace=%file", "-o", str(log)]
        subprocess.run([*command, sys.executable, __file__, "--of", str(folder)], check=True)
        counts = _count(log.read_text(errors="replace").splitlines(), str(folder))
    numbers = {f"part{i}": what for i, what in enumerate(PARTS)}
    return {
        what: (counts[f"{part}-{MANY}"] - counts[f"{part}-{FEW}"]) / (MANY - FEW)
        for part, what in numbers.items()
    }


def _count(lines: Sequence[str], folder: str) -> dict[str, int]:
    counts: dict[str, int] = {}
    part = None
    for line in lines:
        if folder not in line or '""' in line or "resumed>" in line:  # of an open file, or a half
            continue
        if BEGIN in line:
            part = line.partition(BEGIN)[2].partition('"')[0]
            counts[part] = 0
        elif END in line:
            part = None
        elif part is not None:
            counts[part] += 1
    return counts


def main() -> None:
    """Count, and print what each part takes."""
    parser = arguments(__doc__, repeats=1)
    parser.add_argument("--of", type=Path, help="do what is counted in this folder, and no more")
    options = parser.parse_args()
    if options.of is not None:
        for index, part in enumerate(PARTS.values()):
            for count in (FEW, MANY):
                part(_Sweep(options.of, count, f"part{index}"))
        return
    turns = [operations() for _ in range(options.repeats)]
    rows = [
        limited(what, "operations", Measured(tuple(turn[what] for turn in turns)), at_most=None)
        for what in PARTS
    ]
    publish("file_operations", rows, versions("hydra-core"), options)


if __name__ == "__main__":
    main()
