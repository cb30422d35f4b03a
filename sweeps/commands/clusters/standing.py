"""How a sweep stands, by its files alone: nothing of it need run here, and MLflow is not asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.sweeps.launch.jobs.claims import last_claim
from darkmagic.sweeps.launch.jobs.follow import withdraw_jobs
from darkmagic.sweeps.launch.jobs.holder import folder_time
from darkmagic.sweeps.launch.jobs.job_files import JobFiles
from darkmagic.sweeps.launch.jobs.queue import FOLDER, Queue
from darkmagic.sweeps.launch.slurm.ask import Standing, task_standings
from darkmagic.sweeps.launch.slurm.submit import cancel_tasks_of, task_of, users_of
from darkmagic.sweeps.orchestrate.hold import holder_of
from darkmagic.sweeps.trial.paths import read_events
from darkmagic.trainers.outputs.durable import DamagedFileError
from darkmagic.trainers.outputs.names import CONFIG, EVENTS
from darkmagic.trainers.outputs.result_file import read_result
from darkmagic.trainers.runtime.cache import expand

__all__ = ["TrialStanding", "cancel_sweep", "find_sweep", "standings"]

SILENT_SECONDS = 60.0
WAITING, RUNNING, INTERRUPTED = "waiting", "running", "interrupted"


@dataclass(frozen=True)
class TrialStanding:
    """How a trial stands: a status of its result, or `waiting`, `running` or `interrupted`.

    `where` it runs, or what it waits for; `seconds` since its last sign of life.
    """

    name: str
    seed: str
    status: str
    epoch: int = 0
    epochs: int = 0
    where: str = ""
    seconds: float | None = None
    reason: str = ""

    @property
    def is_open(self) -> bool:
        """Whether something is still to come, by itself."""
        return self.status in (WAITING, RUNNING)


def find_sweep(out: Path, experiment: str | None) -> Path:
    """Return the folder of an experiment in `out`; of the one that was written to last if None.

    Raises `UserError` if there is none.
    """
    out = expand(out).absolute()
    found = {path.name: path for path in _folders(out)}
    if not found:
        raise UserError(f"no sweeps in {out}; start one: darkmagic checklist run, or name --out")
    if experiment is None:
        return max(found.values(), key=lambda path: path.stat().st_mtime)
    if experiment not in found:
        raise UserError(f"no experiment {experiment!r} in {out}; " + nearest(experiment, found))
    return found[experiment]


def _folders(out: Path) -> list[Path]:
    if not out.is_dir():
        return []
    folders = [path for path in out.iterdir() if path.is_dir()]
    return [p for p in folders if (p / FOLDER).is_dir() or any(p.glob(f"*/{CONFIG}"))]


def standings(folder: Path) -> list[TrialStanding]:
    """Return how each trial of the experiment in `folder` stands, those that wait among them."""
    queue = Queue(folder)
    jobs = {job.directory.name: job for job in queue.open_jobs()}
    users = users_of(jobs.values())
    tasks = task_standings(users) if users else None
    known = {path.parent.name for path in folder.glob(f"*/{CONFIG}")}
    names = [*sorted(known - jobs.keys()), *jobs]
    here = holder_of(folder) is not None
    return [_standing(folder / name, jobs.get(name), queue, tasks, here=here) for name in names]


def _standing(
    directory: Path,
    job: JobFiles | None,
    queue: Queue,
    tasks: Mapping[str, Standing] | None,
    *,
    here: bool,
) -> TrialStanding:
    name, _, rest = directory.name.rpartition("-s")
    seed = rest.partition("-")[0]
    events, _ = read_events(directory)
    last: dict[str, Any] = next(
        (event for event in reversed(events) if event["type"] == "epoch"), {}
    )
    epoch, epochs = int(last.get("epoch", 0)), int(last.get("epochs", 0))
    if job is not None:
        holder = last_claim(job, queue.lease_seconds)
        task = task_of(job)
        if holder is None:
            waits, status = _without_worker(task, tasks)
            left = WAITING if here else status
            return TrialStanding(name, seed, left, epoch, epochs, waits)
        where = holder.host if task is None else f"{holder.host}, Slurm job {task[0]}"
        return TrialStanding(name, seed, RUNNING, epoch, epochs, where, _since(directory / EVENTS))
    try:
        result = read_result(directory)
    except DamagedFileError as damage:
        return TrialStanding(name, seed, INTERRUPTED, epoch, epochs, reason=str(damage))
    if result is not None:
        reason = str(result.get("reason") or "")
        return TrialStanding(name, seed, str(result["status"]), epoch, epochs, reason=reason)
    seconds = _since(directory / EVENTS)
    runs = here and seconds is not None and seconds < SILENT_SECONDS
    status = RUNNING if runs else INTERRUPTED
    return TrialStanding(name, seed, status, epoch, epochs, seconds=seconds)


def _without_worker(
    task: tuple[str, str] | None, tasks: Mapping[str, Standing] | None
) -> tuple[str, str]:
    """Return what an open job waits for, and whether it waits or its task has left it.

    Slurm may not answer, which is no end of a task.
    """
    if task is None:
        return "a worker", WAITING
    if tasks is None:
        return f"Slurm job {task[0]}: Slurm does not answer", WAITING
    found = tasks.get(task[0])
    ends = found is None or not found.is_live
    return f"Slurm job {task[0]}: {found or 'gone'}", INTERRUPTED if ends else WAITING


def _since(path: Path) -> float | None:
    try:
        return max(0.0, folder_time(path.parent) - path.stat().st_mtime)
    except OSError:
        return None


def cancel_sweep(folder: Path) -> int:
    """End what runs of the sweep in `folder`, and have nothing else of it begin; return how many.

    What has ended is kept, and the command that started the sweep goes on with the rest. Raises
    `UserError` where there is nothing to end, or Slurm does not end it.
    """
    queue = Queue(folder)
    jobs = list(queue.open_jobs())
    if not jobs:
        holder = holder_of(folder)
        running = "" if holder is None else f"; {holder} trains it, and Ctrl-C there ends it"
        raise UserError(f"nothing of {folder.name!r} waits or runs elsewhere{running}")
    left = withdraw_jobs(queue, jobs, partial(cancel_tasks_of, queue))
    if holder_of(folder) is None:  # or else the jobs' files, and ends, are for who follows them
        for job in left:
            job.remove()
        queue.tidy()
    return len(jobs)
