"""What it takes to offer 1,000 and 10,000 trials to workers or Slurm, and to follow them.

    python tests/benchmarks/submission.py [--sizes 1000 10000] [--json] [--results]

Without any that trains: each trial's job is written into a folder on disk with the configuration of
a real one, then looked at once while all wait, and once when all have ended, which takes them out.
`scaling.py` has what comes before, planning and composing, and beside it, tracking.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig, open_dict

from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.launch.composed import ComposedJobs
from darkmagic.sweeps.launch.jobs.follow import Jobs
from darkmagic.sweeps.launch.jobs.job_files import JobFiles, Outcome
from darkmagic.sweeps.launch.jobs.queue import Queue
from harness.machine import versions
from harness.table import arguments, figure, limited, publish
from harness.turns import Measured

SIZES = (1000, 10_000)
PARTS = {
    "submitted": "write all jobs into the folder",
    "looked at": "a look at all jobs while they wait",
    "ended": "read all ends, and take the jobs out",
}


def _composed(config: DictConfig, count: int) -> ComposedJobs:
    """Return so many jobs of one configuration, each under a folder of its own."""
    jobs = ComposedJobs()
    for index in range(count):
        config.hydra.sweep.subdir = f"mixup-on-s{index % 10}-{index:08x}"
        jobs.add(config)
    return jobs


class _Nobody:
    """Workers of whom nobody comes."""

    def begin(self, jobs: Sequence[JobFiles]) -> None: ...
    def given_up(self, jobs: Mapping[int, JobFiles]) -> Mapping[int, str]:
        return {}

    def cancel(self, jobs: Sequence[JobFiles]) -> None: ...
    def close(self) -> None: ...


def run_size(trials: int) -> dict[str, float]:
    """Return the seconds of each part."""
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name, hydra_session() as hydra:
        config = compose(hydra.config_loader, [f"runtime.out={name}"])
        with open_dict(config):
            config.hydra.sweep.dir = name
        composed, queue = _composed(config, trials), Queue(Path(name))
        began = time.perf_counter()
        files = queue.publish(b"shared", composed, lease_seconds=60)
        seconds["submitted"] = time.perf_counter() - began
        jobs = Jobs(queue, files, composed)
        began = time.perf_counter()
        held, idle = jobs._held_and_idle()
        assert all(job.outcome() is None for job in files)
        seconds["looked at"] = time.perf_counter() - began
        assert (len(held), len(idle)) == (0, trials)
        returned = JobReturn(status=JobStatus.COMPLETED)
        returned.return_value = 0.9
        for job in files:
            job.keep_return(1, returned)
            job.end(Outcome(None, 0, 1, "here"))
        ends: list[int] = []
        began = time.perf_counter()
        jobs.follow(
            _Nobody(),
            on_start=lambda _: None,
            on_end=lambda index, _job, _code: ends.append(index),
            hopeless=lambda _: None,
            fail_fast=False,
        )
        seconds["ended"] = time.perf_counter() - began
        assert len(ends) == trials
    return seconds


def main() -> None:
    """Measure each size, and print what each part took and how it grew."""
    parser = arguments(__doc__, repeats=3)
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES)
    options = parser.parse_args()
    turns = [{size: run_size(size) for size in options.sizes} for _ in range(options.repeats)]

    def measured(size: int, part: str) -> Measured:
        return Measured(tuple(turn[size][part] for turn in turns))

    rows = [
        limited(f"{size:,} trials: {what}", "s", measured(size, part), at_most=None)
        for part, what in PARTS.items()
        for size in options.sizes
    ]
    rows += [
        limited(
            f"{after:,} trials {part}: growth from {before:,}",
            "times",
            Measured(tuple(turn[after][part] / turn[before][part] for turn in turns)),
            at_most=1.5 * after / before,
            note=f"{figure(measured(before, part).median)} to "
            f"{figure(measured(after, part).median)} s",
        )
        for before, after in pairwise(options.sizes)
        for part in PARTS
    ]
    publish("submission", rows, versions("hydra-core", "cloudpickle"), options)


if __name__ == "__main__":
    main()
