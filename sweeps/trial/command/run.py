"""One trial of a command, from its configuration to its result."""

from __future__ import annotations

import multiprocessing
import os
import signal
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from itertools import takewhile
from pathlib import Path
from typing import Any

from darkmagic.checklist.secrets import mask_secrets
from darkmagic.sweeps.trial.command.first_store import made_by_one
from darkmagic.sweeps.trial.command.resume import (
    Earlier,
    could_not_go_on,
    join,
    read_earlier,
    resume_words,
)
from darkmagic.sweeps.trial.command.script import SCRIPT, script_digest
from darkmagic.sweeps.trial.command.trackers import read_mlflow, store_of, tracking_environment
from darkmagic.trainers.command.ended import Ended, judge
from darkmagic.trainers.command.life import FileLife
from darkmagic.trainers.command.run import OUTPUT, Watcher, find_metric, run_command
from darkmagic.trainers.command.sources.files import new_files
from darkmagic.trainers.command.sources.lines import Lines
from darkmagic.trainers.command.sources.values import Found
from darkmagic.trainers.command.spec import Command
from darkmagic.trainers.outputs.event_log import EventLog
from darkmagic.trainers.outputs.names import LOG
from darkmagic.trainers.runtime.cores import threads_of_this_trial

__all__ = ["run_command_trial", "trial_values"]

LINE_SECONDS = 1.0
"""At least, between two lines of a script that are shown."""


def run_command_trial(resolved: Mapping[str, Any], directory: Path) -> dict[str, Any]:
    """Run the command that `resolved` configures; return the content of its `result.json`."""
    command = Command.from_node(resolved["trainer"])
    values = trial_values(resolved, directory / OUTPUT)
    log = EventLog(directory)
    since = time.time() - 1.0  # of a file system whose clock is coarse
    environment = tracking_environment(directory)
    shared = store_of(command.mlflow)
    os.environ.update(environment)
    script = script_digest(command.arguments)  # as it is now: it may be edited meanwhile
    more, decided = resume_words(command, directory / OUTPUT, values)
    earlier = read_earlier(directory, command.metric, since) if more else Earlier(since)

    def note(message: str) -> None:
        log.append({"type": "note", "message": message, "time": time.time()})

    if decided:
        note(decided)
    if not more:  # steps that an earlier attempt had count as new ones
        log.epochs.clear()
    _end_when_told()
    life = FileLife(directory / OUTPUT, command.files, values)

    def attempt(words: Sequence[str], before: Earlier) -> tuple[Ended, Lines]:
        watcher = _Reporter(command.metric, log, before, life)
        return run_command(command, directory / OUTPUT, values, directory / LOG, watcher, words)

    try:
        with made_by_one(shared, log):
            began = time.time()  # without the second of grace: files of before are fresh, too
            ended, lines = attempt(more, earlier)
            if more and could_not_go_on(command, ended, lines, directory / OUTPUT, values, began):
                note(f"could not go on, and starts anew: {ended.failure}")
                log.epochs.clear()
                earlier = Earlier(time.time() - 1.0)
                ended, lines = attempt([], earlier)
    except OSError as error:  # the program is gone, or may not be run
        directory.mkdir(parents=True, exist_ok=True)
        return {"status": "failed", "reason": f"{type(error).__name__}: {error}"}

    def trackers() -> Iterator[Found]:
        yield from read_mlflow(command.mlflow, directory, earlier.since)

    found, looked = find_metric(command, lines, directory / OUTPUT, values, earlier.since, trackers)
    found = join(earlier.found, found, command.metric)
    directory.mkdir(parents=True, exist_ok=True)  # a script may have deleted it
    result = judge(command, ended, found, looked, new_files(directory / OUTPUT, earlier.since))
    if found is not None:
        _append_series(log, command.metric, found)
        log.append({"type": "source", "where": found.where, "time": time.time()})
    for message in _remarks(ended.left_out, ended.left_behind):
        note(message)
    return {
        **result,
        SCRIPT: script,
        "wall_seconds": ended.seconds,
        "peak_memory_bytes": ended.peak_memory,
        "device": values["device"],
    }


def trial_values(resolved: Mapping[str, Any], directory: Path) -> dict[str, str]:
    """Return what the placeholders of the trial `resolved` stand for."""
    wanted = str(resolved["runtime"].get("device", "auto"))
    visible = os.environ.get("CUDA_VISIBLE_DEVICES", "")
    device = wanted if wanted != "auto" else "cuda:0" if visible else "cpu"
    return {
        "seed": str(resolved["seed"]),
        "directory": str(directory),
        "device": device,
        "threads": str(threads_of_this_trial()),
    }


class _Reporter(Watcher):
    """Writes the events of a trial while its command runs."""

    def __init__(self, metric: str, log: EventLog, earlier: Earlier, life: FileLife) -> None:
        self._metric, self._log, self._earlier = metric, log, earlier.found
        self._life = life
        self._shown, self._when = "", 0.0

    def line(self, text: str) -> None:
        self._log.beat()
        self._show(text)

    def quiet(self, text: str) -> None:
        if self._life.has_grown():
            self._log.beat()
        self._show(text)

    def stalled(self, text: str) -> None:
        sys.stderr.write(f"{mask_secrets(text)}\n")  # the trial's log
        sys.stderr.flush()

    def _show(self, text: str) -> None:
        now = time.monotonic()
        if text and text != self._shown and now - self._when > LINE_SECONDS:
            self._shown, self._when = text, now
            _append(self._log, {"type": "line", "text": text, "time": time.time()})

    def value(self, found: Found) -> None:
        whole = join(self._earlier, found, self._metric) or found
        newest = reversed(whole.series(self._metric))
        new = list(takewhile(lambda each: each[0] not in self._log.epochs, newest))
        for step, value in reversed(new):
            _append(self._log, _event(self._metric, step, value))


def _append_series(log: EventLog, metric: str, found: Found) -> None:
    """Write the steps that have no line yet, and the last one as it is now."""
    series = found.series(metric)
    for step, value in series:
        if step not in log.epochs or step == series[-1][0]:
            log.append(_event(metric, step, value))


def _append(log: EventLog, event: Mapping[str, Any]) -> None:
    try:
        log.append(event)
    except FileNotFoundError:  # the script deleted the folder; its end says so
        return


def _event(metric: str, step: int, value: float) -> dict[str, Any]:
    return {
        "type": "epoch",
        "epoch": step,
        "epochs": step,
        "time": time.time(),
        "images_per_second": 0,
        "value": value,
        "metric": metric,
    }


def _end_when_told() -> None:
    """Have SIGTERM, with which a launcher ends this process, end the script and its children."""
    if multiprocessing.parent_process() is not None:
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))


def _remarks(left_out: int, left_behind: int) -> Iterator[str]:
    if left_out:
        yield f"{left_out / 1e6:,.0f} MB of its output are left out of {LOG}"
    if left_behind:
        noun = "process that it left was" if left_behind == 1 else "processes that it left were"
        yield f"{left_behind} {noun} ended"
