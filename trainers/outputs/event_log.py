"""An append-only log of a trial's events, a line of JSON each."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from darkmagic.trainers.outputs.durable import set_aside, wait_for_room, write_file
from darkmagic.trainers.outputs.json_file import finite
from darkmagic.trainers.outputs.names import EVENTS

__all__ = [
    "EventLog",
    "NoEventLog",
    "last_line",
    "last_of_each_epoch",
    "open_log",
    "parse_event",
    "repair_events",
]

EPOCHS = ("epoch", "upstream")
TORN = b'{"'  # how a line begins that was being written
NUMBERS = ("epoch", "epochs", "time", "images_per_second")
FIGURES = ("train_loss", "val_loss", "val_accuracy")
"""Of an epoch's event: what is a number, and what may be None, if it was not finite."""


BEAT_SECONDS = 2.0
TAIL_BYTES = 1 << 16


class EventLog:
    """Appends a line of JSON an event; a reader may follow it while it grows."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / EVENTS
        self._beaten = 0.0
        self.epochs: set[int] = set()  # that have a line
        for problem in repair_events(directory):
            print(problem, flush=True)  # noqa: T201 (a worker's output is the trial's log)
        if self._path.exists():
            lines = [parse_event(line) for line in self._path.read_bytes().splitlines()]
            self.epochs = {e["epoch"] for e in lines if e is not None and e["type"] == "epoch"}

    def beat(self) -> None:
        """Touch the file, every few seconds at most: who watches sees that training goes on."""
        now = time.monotonic()
        if now - self._beaten > BEAT_SECONDS:
            self._beaten = now
            with contextlib.suppress(OSError):
                os.utime(self._path)

    def append(self, event: Mapping[str, Any]) -> None:
        """Write `event` in one call, so that a reader sees all of its line or none."""
        line = (json.dumps({k: finite(v) for k, v in event.items()}) + "\n").encode()
        wait_for_room(lambda: self._write(line), self._path)
        if event["type"] == "epoch":
            self.epochs.add(event["epoch"])

    def _write(self, line: bytes) -> None:
        with self._path.open("ab", buffering=0) as file:
            size = file.tell()
            if file.write(line) != len(line):  # a disk that is full takes a part of it
                file.truncate(size)
                raise OSError(errno.ENOSPC, "no room for an event")


class NoEventLog(EventLog):
    """The log of a process that leaves it to another one of its trial."""

    def __init__(self) -> None:
        self.epochs = set()

    def beat(self) -> None: ...

    def append(self, event: Mapping[str, Any]) -> None:
        """Leave `event` out."""


def open_log(directory: Path, *, writes: bool) -> EventLog:
    """Return the log of the trial in `directory`, for the process that writes it or another one."""
    return EventLog(directory) if writes else NoEventLog()


def parse_event(line: bytes) -> dict[str, Any] | None:
    """Return the event of a line; None for one that cannot be used.

    >>> parse_event(b'{"type": "start"}'), parse_event(b'{"type": "epo')
    ({'type': 'start'}, None)
    """
    try:
        event = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(event, dict) or not isinstance(event.get("type"), str):
        return None
    if event["type"] in EPOCHS:
        numbers = all(isinstance(event.get(name), int | float) for name in NUMBERS)
        figures = all(isinstance(event.get(name), int | float | None) for name in FIGURES)
        if not numbers or not figures or not isinstance(event["epoch"], int):
            return None
    return event


def last_of_each_epoch(events: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Return the epochs of training in order, each as it was trained last.

    A trial that starts over, as without its checkpoint, appends epochs that the log has already.
    """
    last = {event["epoch"]: event for event in events if event["type"] == "epoch"}
    return [last[epoch] for epoch in sorted(last)]


def last_line(path: Path) -> str:
    """Return the last line that a trial's command printed, by the log of events `path`.

    Empty for a trial of our own loop, and where it cannot be read.
    """
    with contextlib.suppress(OSError), path.open("rb") as file:
        file.seek(max(0, path.stat().st_size - TAIL_BYTES))
        for line in reversed(file.read().splitlines()):
            event = parse_event(line)
            if event is not None and event["type"] == "line":
                return str(event.get("text", ""))
    return ""


def repair_events(directory: Path) -> list[str]:
    """Cut off the line that a kill left unfinished, and take out those that cannot be read.

    Returns a message for each that was taken out; the log as it was is set aside then. Only the
    process that owns the trial may do this, as no other writes meanwhile.
    """
    path = directory / EVENTS
    if path.is_dir():
        return [f"{EVENTS} is a folder: set aside as {set_aside(path).name}"]
    if not path.exists():
        return []
    content = path.read_bytes()
    whole = content[: content.rfind(b"\n") + 1]
    torn = content[len(whole) :]
    if not torn.startswith(TORN[: len(torn)]):  # nothing that a kill leaves
        whole = content
    lines = whole.splitlines(keepends=True)
    good = [line for line in lines if parse_event(line) is not None]
    if len(good) == len(lines):
        if len(whole) < len(content):
            with path.open("rb+") as file:
                file.truncate(len(whole))
        return []
    bad = len(lines) - len(good)
    aside = set_aside(path)
    write_file(path, lambda file: file.write(b"".join(good)))
    noun = "line" if bad == 1 else "lines"
    return [f"{EVENTS} had {bad} {noun} that cannot be read: set aside as {aside.name}"]
