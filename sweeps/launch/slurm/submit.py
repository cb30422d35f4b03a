"""Job arrays for the jobs of a queue: submitted by submitit, a task for one job or several."""

from __future__ import annotations

import contextlib
import io
import time
from collections.abc import Iterable, Mapping, Sequence

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.launch.jobs.job_files import JobFiles
from darkmagic.sweeps.launch.jobs.queue import Queue
from darkmagic.sweeps.launch.slurm.ask import (
    Standing,
    cancel_tasks,
    max_array_size,
    task_standings,
)
from darkmagic.sweeps.launch.slurm.request import SlurmRequest
from darkmagic.sweeps.launch.slurm.task import SlurmTask
from darkmagic.trainers.outputs.durable import DamagedFileError
from darkmagic.trainers.outputs.json_file import read_json, write_json

__all__ = ["SlurmWorkers", "cancel_tasks_of", "task_of", "users_of"]

SLURM = "slurm.json"
"""In a job's folder: the task that is to run it, and its log."""
LOGS = ".slurm"
ASK_SECONDS, ASK_AGAIN = 5.0, 3
COMPLETED = Standing("COMPLETED")
GONE_SECONDS = 15.0
"""That a task may be gone before its job's end is seen in the folder, through a network's cache."""


def task_of(job: JobFiles) -> tuple[str, str] | None:
    """Return the task that is to run `job`, and the path of its log; None if there is none."""
    try:
        content = read_json(job.path / SLURM)
    except DamagedFileError:
        return None
    return None if content is None else (str(content["task"]), str(content["log"]))


def users_of(jobs: Iterable[JobFiles]) -> set[int]:
    """Return who submitted the tasks that are to run `jobs`, as numbers: a folder may be shared."""
    users = set()
    for job in jobs:
        with contextlib.suppress(OSError):
            users.add((job.path / SLURM).stat().st_uid)
    return users


def cancel_tasks_of(queue: Queue, jobs: Sequence[JobFiles]) -> None:
    """End the tasks of `jobs` that have no other jobs of the queue to run; Slurm alone has any."""
    names = {job.name for job in jobs}
    tasks: dict[str, set[str]] = {}
    for name in {*queue.names(), *names}:
        task = task_of(queue.job(name))
        if task is not None:
            tasks.setdefault(task[0], set()).add(name)
    cancel_tasks(task for task, theirs in tasks.items() if theirs <= names)


class SlurmWorkers:
    """The `Workers` of `hydra/launcher=slurm`."""

    def __init__(self, queue: Queue, request: SlurmRequest) -> None:
        self._queue = queue
        self._request = request
        self._asked = 0.0
        self._standings: dict[str, Standing] | None = None
        self._gone: dict[int, float] = {}

    def begin(self, jobs: Sequence[JobFiles]) -> None:
        """Submit arrays for the jobs that no task of an earlier one is to run.

        One array is enough unless it would be larger than Slurm takes. Where one of several is
        refused, those before it are cancelled. While Slurm does not answer, a task that was
        submitted counts as live: that it is gone is found while the jobs are followed.
        """
        tasks = {job.name: task_of(job) for job in jobs}
        standings = self._ask(again=any(tasks.values()))
        new = []
        for job in jobs:
            task = tasks[job.name]
            if task is not None and standings is None:
                continue
            if task is None or not (standings or {}).get(task[0], COMPLETED).is_live:
                new.append(job)
        size = self._request.trials_per_job
        groups = [new[i : i + size] for i in range(0, len(new), size)]
        largest = max_array_size() or len(groups)
        arrays = [groups[i : i + largest] for i in range(0, len(groups), largest or 1)]
        submitted: list[str] = []
        try:
            for array in arrays:
                submitted += self._submit(array, of=len(arrays))
        except UserError:
            cancel_tasks(submitted)
            raise

    def _ask(self, *, again: bool) -> dict[str, Standing] | None:
        """Return how tasks stand; `again` asks some times, as Slurm may just be restarted."""
        standings = task_standings()
        for _ in range(ASK_AGAIN if again else 0):
            if standings is not None:
                break
            time.sleep(ASK_SECONDS)
            standings = task_standings()
        return standings

    def _submit(self, groups: Sequence[Sequence[JobFiles]], of: int) -> list[str]:
        """Submit one array `of` so many, which share what may run at once; return its tasks."""
        import submitit

        request, folder = self._request, self._queue.path.parent
        threads = request.threads or request.cpus_per_trial
        tasks = [
            SlurmTask(
                folder,
                [job.name for job in group],
                gpus_per_trial=request.gpus_per_trial,
                at_once=request.trials_at_once,
                threads=threads,
                retries=request.retries,
                stall_seconds=request.stall_seconds,
            )
            for group in groups
        ]
        executor = submitit.SlurmExecutor(folder / LOGS, max_num_timeout=request.max_timeouts)
        try:
            at_once = max(1, request.max_parallel // of)
            executor.update_parameters(**{**request.sbatch(), "array_parallelism": at_once})
            with contextlib.redirect_stderr(io.StringIO()):  # sbatch's lines: ours has the last
                submitted = executor.submit_array(tasks)
        except (
            submitit.core.utils.FailedJobError,
            submitit.core.utils.FailedSubmissionError,
            ValueError,
        ) as error:
            lines = [line for line in str(error).splitlines() if "error" in line.lower()]
            raise UserError(f"Slurm did not take the jobs: {(lines or [str(error)])[-1]}") from None
        for group, task in zip(groups, submitted, strict=True):
            content = {"task": task.job_id, "log": str(task.paths.stdout)}
            for job in group:
                with contextlib.suppress(FileNotFoundError):  # it ended already, and was removed
                    write_json(job.path / SLURM, content)
        return [task.job_id for task in submitted]

    def given_up(self, jobs: Mapping[int, JobFiles]) -> Mapping[int, str]:
        """Return the jobs whose task is gone, and what Slurm says of it."""
        now = time.monotonic()
        if now - self._asked < ASK_SECONDS:
            return {}
        self._asked = now
        standings = task_standings()
        if standings is None:
            return {}
        gone: dict[int, str] = {}
        for index, job in jobs.items():
            task = task_of(job)
            standing = standings.get(task[0]) if task is not None else None
            if standing is not None and standing.is_live:
                continue
            what = "is gone" if standing is None else f"is {str(standing).replace('_', ' ')}"
            name, log = task or ("", "")
            gone[index] = f"its Slurm job {name} {what}; its log: {log}"
        self._gone = {index: self._gone.get(index, now) for index in gone}
        return {i: why for i, why in gone.items() if now - self._gone[i] >= GONE_SECONDS}

    def close(self) -> None: ...

    def cancel(self, jobs: Sequence[JobFiles]) -> None:
        """End the tasks that have no other jobs to run."""
        cancel_tasks_of(self._queue, jobs)
