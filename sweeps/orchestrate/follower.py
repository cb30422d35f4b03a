"""Follower of a sweep's trials: sends their events to the tracker and to the progress.

The launcher's thread only reports starts and ends. A thread of the follower reads the
event files, writes to MLflow and calls the progress, so that none of these delays a launch.
"""

from __future__ import annotations

import queue
import threading
import time
import traceback
import warnings
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

from hydra.core.utils import JobReturn
from omegaconf import DictConfig

from darkmagic.checklist.records import Status
from darkmagic.sweeps.launch.jobs.follow import LeftRunning
from darkmagic.sweeps.launch.progress import Progress, UnfailingProgress
from darkmagic.sweeps.orchestrate.trial_state import TrialState
from darkmagic.sweeps.orchestrate.watch.ended import judge_job
from darkmagic.sweeps.orchestrate.watch.mirror import Mirror
from darkmagic.sweeps.orchestrate.watch.room import RoomWatch
from darkmagic.sweeps.orchestrate.watch.thread import KeptThread
from darkmagic.sweeps.slow import said_if_slow
from darkmagic.sweeps.track.schema.metrics import epoch_metrics, result_metrics
from darkmagic.sweeps.track.tracked_run import MLFLOW_STATUS, RUNNING
from darkmagic.sweeps.track.tracker import Tracker
from darkmagic.sweeps.trial.paths import read_events

__all__ = ["Follower"]

POLL_SECONDS = 0.25


class Follower:
    """An `Observer` of the launcher. Use as a context around the launch of `states`."""

    def __init__(
        self,
        states: Sequence[TrialState],
        tracker: Tracker,
        progress: Progress,
        *,
        tell_data: bool = False,
        mirror: Mirror | None = None,
    ) -> None:
        self._by_directory = {state.directory: state for state in states}
        self._states = list(states)
        self._tracker = tracker
        self._progress = UnfailingProgress(progress)
        self._jobs: list[TrialState] = []
        self._running: dict[int, TrialState] = {}
        self._reports: queue.Queue[tuple[int, JobReturn | None, int | None]] = queue.Queue()
        self._stop = threading.Event()
        self._thread = KeptThread(target=self._follow, name="follower")
        self._mirror = mirror or Mirror()
        self._tell_data = tell_data  # what was read as what, where no check says so before
        self._told: set[str] = set()
        self._sender = KeptThread(target=self._send, name="sender")
        self._room = RoomWatch({state.directory.parent for state in states})

    def __enter__(self) -> Self:
        for state in self._states:  # earlier runs of the experiment may have left events unsent
            self._read(state)
            if state.status not in (Status.PENDING, Status.RUNNING):
                self._send_end(state)
        self._sender.start()
        return self

    def __exit__(self, error: type[BaseException] | None, *_: object) -> None:
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join()
        for state in self._running.values():
            state.status = Status.PENDING  # interrupted: it resumes from its checkpoint
        for state in self._states:
            if error is LeftRunning:
                break  # they go on
            if state.status is Status.PENDING and state.run is not None:
                if state.run.state == RUNNING:  # as every new run is, begun or not
                    state.run.status = Status.RUNNING
                self._send_end(state)
        slow = "MLflow is slow: sending it what is left; Ctrl-C leaves that to the next run"
        with said_if_slow(self._progress.note, slow):
            self._sender.join()
            sent = self._tracker.flush()
            mirrored = self._mirror.close()
        if not sent:
            self._progress.note(
                f"MLflow did not take everything ({self._tracker.problem}); the same command "
                "sends what is missing"
            )
        if mirrored:
            self._progress.note(mirrored)
        self._note_deleted()
        self._progress.closed()
        self._warn()
        failed = self._thread.error or self._sender.error
        if failed is not None and error is None:
            raise failed

    # The launcher's thread.

    def note(self, message: str) -> None:
        """Show a line about the launch; the follower's own thread has not started."""
        self._progress.note(message)

    def launching(self, directories: Sequence[Path], configs: Sequence[DictConfig]) -> None:
        """Start the thread that follows the jobs."""
        del configs
        self._jobs = [self._by_directory[directory] for directory in directories]
        waiting = [(state.display_name, state.trial.seed) for state in self._jobs]
        self._progress.started(waiting, len(self._states) - len(self._jobs))
        self._thread.start()

    def follow(self, state: TrialState) -> None:
        """Follow one more trial; its job is added next, or it has its result already."""
        self._by_directory[state.directory] = state
        self._states.append(state)
        self._room.add(state.directory.parent)
        if state.status not in (Status.PENDING, Status.RUNNING):
            self._read(state)
            self._send_end(state)

    def added(self, directory: Path, config: DictConfig) -> None:
        """Follow one more job."""
        del config
        state = self._by_directory[directory]
        self._jobs.append(state)
        self._progress.added(state.display_name, state.trial.seed)

    def started(self, index: int) -> None:
        """Report a start."""
        self._reports.put((index, None, None))

    def ended(self, index: int, job: JobReturn, exit_code: int | None) -> None:
        """Report an end."""
        self._reports.put((index, job, exit_code))

    # The follower's thread.

    def _follow(self) -> None:
        while not self._stop.is_set() or not self._reports.empty():
            self._poll()
            for message in self._room.check():
                self._progress.note(message)
            self._stop.wait(POLL_SECONDS)
        self._poll()

    def _poll(self) -> None:
        """Read new events first, so that a trial's last epoch comes before its end."""
        ends = []
        while not self._reports.empty():
            index, job, exit_code = self._reports.get()
            if job is None:
                self._begin(index)
            else:
                ends.append((index, job, exit_code))
        for index, state in self._running.items():
            for event in self._read(state):
                if event["type"] == "note":
                    self._progress.note(f"{state.directory.name}: {event.get('message', '')}")
                else:
                    self._progress.event(index, event)
        for index, job, exit_code in ends:
            self._end(index, job, exit_code)

    def _begin(self, index: int) -> None:
        state = self._running[index] = self._jobs[index]
        state.status, state.reason = Status.RUNNING, ""
        if state.run is not None:
            state.run.mark_running()
            state.run.status = state.status  # it may have ended before, as it will again
            state.run.set_tags(state.tags)
        self._progress.status(index, Status.RUNNING, "")

    def _end(self, index: int, job: JobReturn, exit_code: int | None) -> None:
        state = self._running.pop(index, None) or self._jobs[index]
        state.set_result(judge_job(state.directory, job, exit_code, state.stops))
        self._send_end(state)
        self._progress.status(index, state.status, state.reason)

    # The sender's thread, as a store that is slow or frozen must delay nothing else.

    def _send(self) -> None:
        is_away = False
        while not self._stop.is_set():
            if not self._tracker.flush_if_due() and self._tracker.problem and not is_away:
                is_away = True
                self._progress.note(f"MLflow is away ({self._tracker.problem}); training goes on")
            elif is_away and self._tracker.problem is None:
                is_away = False
                self._progress.note("MLflow is back")
            self._mirror.flush()
            self._stop.wait(POLL_SECONDS)

    def _note_deleted(self) -> None:
        deleted = self._tracker.deleted
        if deleted:
            others = f" and of {len(deleted) - 1} others" if len(deleted) > 1 else ""
            self._progress.note(
                f"the run of {deleted[0]}{others} was deleted in MLflow meanwhile; the same "
                "command makes it again"
            )

    def _warn(self) -> None:
        problem = self._progress.problem
        if problem is not None:
            said = traceback.format_exception_only(problem)[-1].strip()
            warnings.warn(f"progress was shown no further: {said}", RuntimeWarning, stacklevel=3)

    # Both.

    def _read(self, state: TrialState) -> list[dict[str, Any]]:
        """Read the new events of a trial; queue those that MLflow does not have yet.

        Returns its epochs, its notes and the lines of a command.
        """
        events, state.offset = read_events(state.directory, state.offset)
        epochs = []
        for event in events:
            state.events += 1
            if event["type"] == "data" and self._tell_data:
                self._tell("data: " + "; ".join(event["notes"]))
            if event["type"] in ("note", "line"):
                epochs.append(event)
            if event["type"] == "source":
                self._tell(f"{state.resolved['trainer']['metric']}: from {event['where']}")
            if event["type"] not in ("epoch", "upstream"):
                continue
            phase = "upstream" if event["type"] == "upstream" else "train"
            epochs.append({**event, "type": "epoch", "phase": phase})
            self._mirror.add_epoch(state, event)
            kind, epoch, run = event["type"], event["epoch"], state.run
            if run is None:
                continue
            if state.events <= run.events_sent:
                run.epochs_sent[kind] = max(epoch, run.epochs_sent.get(kind, 0))
            run.add_epoch(kind, epoch, epoch_metrics(event), event["time"])
        return epochs

    def _tell(self, message: str) -> None:
        """Show `message` once: the trials of a sweep say the same."""
        if message not in self._told:
            self._told.add(message)
            self._progress.note(message)

    def _send_end(self, state: TrialState) -> None:
        run, ends = state.run, MLFLOW_STATUS[state.status]
        self._mirror.end(state, ends)
        if run is None or run.status == state.status:
            if run is not None and run.state != ends:  # it failed after the tags that say so
                run.next_status = ends
            return
        if state.status is Status.FINISHED and state.correct.exists():
            run.files.append(state.correct)
        run.add_metrics(result_metrics(state.result), when=time.time(), step=0)
        run.set_tags(state.tags)
        run.next_status = ends
        run.status = state.status
