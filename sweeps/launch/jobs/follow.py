"""The other end of a queue: who starts a sweep publishes its jobs, and follows them."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Protocol

from hydra.core.utils import JobReturn
from hydra.types import HydraContext, TaskFunction
from omegaconf import DictConfig

from darkmagic.sweeps.launch.composed import ComposedJobs
from darkmagic.sweeps.launch.context import current_context
from darkmagic.sweeps.launch.jobs.claims import last_claim
from darkmagic.sweeps.launch.jobs.job_files import JobFiles, Outcome
from darkmagic.sweeps.launch.jobs.queue import Queue
from darkmagic.sweeps.launch.jobs.run import compose_jobs, has_failed, ship
from darkmagic.sweeps.launch.local.calls import Ended
from darkmagic.sweeps.launch.local.torch_needed import pays_with_torch

__all__ = ["Jobs", "LeftRunning", "Workers", "run_queued", "withdraw_jobs"]

POLL_SECONDS = 0.5
SECONDS_TO_GIVE_BACK = 20.0
CANCELLED = "cancelled; the same command goes on with it"


class LeftRunning(Exception):  # noqa: N818 (no error: what was asked for is done)
    """The jobs are with their workers, and who started them was asked not to wait."""


class Workers(Protocol):
    """What runs the jobs of a queue: a scheduler that is asked to, or people who start workers."""

    def begin(self, jobs: Sequence[JobFiles]) -> None:
        """Have the jobs run, unless what has been asked for earlier runs them already."""

    def given_up(self, jobs: Mapping[int, JobFiles]) -> Mapping[int, str]:
        """Return the jobs, none of which runs, that will never be run, and why."""

    def cancel(self, jobs: Sequence[JobFiles]) -> None:
        """End what was begun for `jobs`."""

    def close(self) -> None:
        """Leave them, when all jobs have ended or others are to follow them."""


class Jobs:
    """The jobs of one launch, in their order: followed to their ends."""

    def __init__(self, queue: Queue, files: Sequence[JobFiles], composed: ComposedJobs) -> None:
        self._queue = queue
        self._files = files
        self._composed = composed
        self._open = dict(enumerate(files))
        self._begun: set[int] = set()
        self._returns: dict[int, JobReturn] = {}

    def follow(
        self,
        workers: Workers,
        *,
        on_start: Callable[[int], None],
        on_end: Callable[[int, JobReturn, int | None], None],
        hopeless: Callable[[Path], str | None],
        fail_fast: bool,
    ) -> list[JobReturn]:
        """Wait until every job has ended, and tell of starts and ends; return them in order."""
        while self._open:
            held, idle = self._held_and_idle()
            given_up = workers.given_up(idle)
            for index, job in list(self._open.items()):
                outcome = job.outcome()
                if outcome is None and index in given_up:
                    outcome = Outcome(given_up[index], None, 0, "")
                if outcome is None and index in idle and not job.is_open:
                    outcome = Outcome(CANCELLED, None, 0, "")
                if outcome is None:
                    if index in held:
                        self._look_at(index, job, on_start, hopeless)
                    continue
                if index not in self._begun:
                    on_start(index)
                ended = job.result(outcome, self._composed.configs, index)
                self._returns[index] = ended
                job.remove()
                del self._open[index]
                on_end(index, ended, outcome.exit_code)
                if fail_fast and has_failed(Ended(ended, outcome.error, outcome.exit_code)):
                    return self._not_run(workers)
            if self._open:
                time.sleep(POLL_SECONDS)
        return [self._returns[index] for index in range(len(self._files))]

    def _held_and_idle(self) -> tuple[dict[int, JobFiles], dict[int, JobFiles]]:
        """Return the jobs that a live worker has, and those that nobody has and have not ended."""
        lease = self._queue.lease_seconds
        held = {i: job for i, job in self._open.items() if last_claim(job, lease) is not None}
        rest = {i: job for i, job in self._open.items() if i not in held}
        return held, {i: job for i, job in rest.items() if job.outcome() is None}

    def _look_at(
        self,
        index: int,
        job: JobFiles,
        on_start: Callable[[int], None],
        hopeless: Callable[[Path], str | None],
    ) -> None:
        if index not in self._begun:
            self._begun.add(index)
            on_start(index)
        reason = hopeless(self._composed.directories[index])
        if reason is not None:
            job.stop(reason)

    def _not_run(self, workers: Workers) -> list[JobReturn]:
        """End all that is open, after a job that was to be the last."""
        self.withdraw(workers)
        error = Outcome("it was not run: an earlier one failed", None, 0, "")
        for index, job in enumerate(self._files):
            if index not in self._returns:
                self._returns[index] = job.result(error, self._composed.configs, index)
        return [self._returns[index] for index in range(len(self._files))]

    def withdraw(self, workers: Workers) -> None:
        """Withdraw what is open, and wait a little until those who have it have given it back."""
        for job in withdraw_jobs(self._queue, list(self._open.values()), workers.cancel):
            job.remove()


def withdraw_jobs(
    queue: Queue, jobs: Sequence[JobFiles], cancel: Callable[[Sequence[JobFiles]], None]
) -> list[JobFiles]:
    """Have nobody run `jobs`: those that run are ended, and go on from their checkpoints later.

    `cancel` ends what was begun for them. Returns those that nobody has any more, whose files may
    be removed.
    """
    for job in jobs:
        job.withdraw()
    cancel(jobs)
    deadline = time.monotonic() + SECONDS_TO_GIVE_BACK
    left = list(jobs)
    while left and time.monotonic() < deadline:
        left = [job for job in left if last_claim(job, queue.lease_seconds) is not None]
        if left:
            time.sleep(POLL_SECONDS)
    return [job for job in jobs if job not in left]


def run_queued(
    hydra_context: HydraContext,
    task_function: TaskFunction,
    config: DictConfig,
    job_overrides: Sequence[Sequence[str]],
    initial_job_idx: int,
    *,
    make_workers: Callable[[Queue], Workers],
    lease_seconds: float,
) -> list[JobReturn]:
    """Publish a job for each of `job_overrides` and wait until all have ended, or leave.

    Raises `LeftRunning` where the context says so. An interruption withdraws the jobs.
    """
    composed = compose_jobs(hydra_context, config, job_overrides, initial_job_idx)
    context = current_context()
    queue = Queue(Path(str(composed.configs[0].hydra.sweep.dir)))
    workers = make_workers(queue)
    shared = ship(hydra_context, task_function)
    context.observer.launching(composed.directories, composed.configs)
    files = queue.publish(
        shared, composed, lease_seconds=lease_seconds, torch=pays_with_torch(config)
    )
    jobs = Jobs(queue, files, composed)
    try:
        workers.begin(files)
        if not context.detach:
            returns = jobs.follow(
                workers,
                on_start=context.observer.started,
                on_end=context.observer.ended,
                hopeless=context.hopeless,
                fail_fast=context.fail_fast,
            )
            queue.tidy()
            workers.close()
            return returns
    except BaseException:
        jobs.withdraw(workers)
        workers.close()
        raise
    workers.close()
    raise LeftRunning
