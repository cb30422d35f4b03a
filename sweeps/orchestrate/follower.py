"""Follows the trials of a sweep: their files to the tracker, their progress to the view.

The launcher's thread only reports starts and ends. One thread of ours reads the event files,
writes to MLflow and speaks to the view, so that none of these ever holds up a launch.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Self

from hydra.core.utils import JobReturn, JobStatus
from omegaconf import DictConfig

from darkmagic.checklist.records import Status
from darkmagic.sweeps.orchestrate.progress import SweepView
from darkmagic.sweeps.orchestrate.trial_state import Entry
from darkmagic.sweeps.track.schema import EVENTS_SENT, epoch_metrics, result_metrics
from darkmagic.sweeps.track.tracker import Tracker
from darkmagic.sweeps.trial.paths import read_events, read_result
from darkmagic.trainers.outputs.json_file import write_json
from darkmagic.trainers.outputs.names import RESULT

__all__ = ["Orchestrator"]

LOOK_SECONDS = 0.25
MLFLOW_STATUS = {
    Status.FINISHED: "FINISHED",
    Status.INERT: "FINISHED",
    Status.NOT_APPLICABLE: "FINISHED",
    Status.SKIPPED: "FINISHED",
    Status.DIVERGED: "FAILED",
    Status.FAILED: "FAILED",
    Status.PENDING: "KILLED",
    Status.RUNNING: "KILLED",
}


class Orchestrator:
    """An `Observer` of the launcher. Use as a context around the launch of `entries`."""

    def __init__(self, entries: Sequence[Entry], tracker: Tracker, view: SweepView) -> None:
        self._by_directory = {entry.directory: entry for entry in entries}
        self._entries = list(entries)
        self._tracker = tracker
        self._view = view
        self._jobs: list[Entry] = []
        self._running: dict[int, Entry] = {}
        self._reports: queue.Queue[tuple[int, JobReturn | None, int | None]] = queue.Queue()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="follower")
        self._told_problem = False

    def __enter__(self) -> Self:
        for entry in self._entries:  # what earlier runs of the experiment left unsent
            self._read(entry)
            if entry.status not in (Status.PENDING, Status.RUNNING):
                self._send_end(entry)
        self._tracker.flush()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        for entry in self._running.values():
            entry.status = Status.PENDING  # interrupted: it goes on from its checkpoint
            self._send_end(entry)
        if not self._tracker.flush():
            self._view.note(
                f"MLflow did not take everything ({self._tracker.problem}); the same command "
                "sends what is missing"
            )
        self._view.closed()

    # The launcher's thread.

    def launching(self, jobs: Sequence[tuple[Path, DictConfig]]) -> None:
        """Begin to follow."""
        self._jobs = [self._by_directory[directory] for directory, _ in jobs]
        waiting = [(entry.shown, entry.trial.seed) for entry in self._jobs]
        self._view.started(waiting, len(self._entries) - len(self._jobs))
        self._thread.start()

    def started(self, index: int) -> None:
        """Report a start."""
        self._reports.put((index, None, None))

    def ended(self, index: int, job: JobReturn, exit_code: int | None) -> None:
        """Report an end."""
        self._reports.put((index, job, exit_code))

    # The follower's thread.

    def _follow(self) -> None:
        while not self._stop.is_set() or not self._reports.empty():
            self._look()
            self._keep_up()
            self._stop.wait(LOOK_SECONDS)
        self._look()

    def _look(self) -> None:
        """Read new events first, so that a trial's last epoch comes before its end."""
        ends = []
        while not self._reports.empty():
            index, job, exit_code = self._reports.get()
            if job is None:
                self._begin(index)
            else:
                ends.append((index, job, exit_code))
        for index, entry in self._running.items():
            for event in self._read(entry):
                self._view.event(index, event)
        for index, job, exit_code in ends:
            self._end(index, job, exit_code)

    def _begin(self, index: int) -> None:
        entry = self._running[index] = self._jobs[index]
        entry.status, entry.reason = Status.RUNNING, ""
        if entry.run is not None:
            entry.run.go_on()
            entry.run.tags.update(entry.tags)
        self._view.status(index, Status.RUNNING, "")

    def _end(self, index: int, job: JobReturn, exit_code: int | None) -> None:
        entry = self._running.pop(index, None) or self._jobs[index]
        entry.settle(_judge(entry.directory, job, exit_code))
        self._send_end(entry)
        self._view.status(index, entry.status, entry.reason)

    def _keep_up(self) -> None:
        if not self._tracker.keep_up() and self._tracker.problem and not self._told_problem:
            self._told_problem = True
            self._view.note(f"MLflow is away ({self._tracker.problem}); training goes on")

    def _read(self, entry: Entry) -> list[dict[str, Any]]:
        """Take in an entry's new events; queue those that MLflow does not have yet."""
        events, entry.offset = read_events(entry.directory, entry.offset)
        epochs = []
        for event in events:
            entry.events += 1
            if event["type"] not in ("epoch", "upstream"):
                continue
            phase = "upstream" if event["type"] == "upstream" else "train"
            epochs.append({**event, "type": "epoch", "phase": phase})
            if entry.run is not None and entry.events > entry.run.events_sent:
                metrics = epoch_metrics(event)
                entry.run.add_metrics(metrics, when=event["time"], step=event["epoch"])
        if entry.run is not None and entry.events > entry.run.events_sent:
            entry.run.events_sent = entry.events
            entry.run.tags[EVENTS_SENT] = str(entry.events)
        return epochs

    def _send_end(self, entry: Entry) -> None:
        run = entry.run
        if run is None or run.status == entry.status:
            return
        run.add_metrics(result_metrics(entry.result), when=time.time(), step=0)
        run.tags.update(entry.tags)
        if entry.status is Status.FINISHED and entry.correct.exists():
            run.files.append(entry.correct)
        run.becomes = MLFLOW_STATUS[entry.status]
        run.status = entry.status


def _judge(directory: Path, job: JobReturn, exit_code: int | None) -> dict[str, Any]:
    """Return the trial's result, by its exit code and its file: both must be good.

    Where they are not, the failure is written, so that it is not taken for finished later.
    """
    result = read_result(directory)
    if result is not None and job.status is JobStatus.COMPLETED and exit_code in (0, None):
        return result
    reason = str(job._return_value) if job.status is JobStatus.FAILED else "it left no result"  # noqa: SLF001
    failure: Mapping[str, Any] = {"status": "failed", "reason": reason}
    directory.mkdir(parents=True, exist_ok=True)
    write_json(directory / RESULT, failure)
    return dict(failure)
