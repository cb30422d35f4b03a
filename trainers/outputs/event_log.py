"""An append-only log of a trial's events, a line of JSON each."""

from __future__ import annotations

import contextlib
import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from darkmagic.trainers.outputs.json_file import finite
from darkmagic.trainers.outputs.names import EVENTS

__all__ = ["EventLog"]


BEAT_SECONDS = 2.0


class EventLog:
    """Appends a line of JSON an event; a reader may follow it while it grows."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / EVENTS
        self._beaten = 0.0
        self.epochs_logged = 0
        if self._path.exists():
            self._drop_torn_line()

    def _drop_torn_line(self) -> None:
        """Cut off a line that a kill left unfinished, and count the epochs that are there."""
        with self._path.open("rb+") as file:
            content = file.read()
            whole = content.rfind(b"\n") + 1
            file.truncate(whole)
        lines = [json.loads(line) for line in content[:whole].splitlines()]
        self.epochs_logged = sum(line["type"] == "epoch" for line in lines)

    def beat(self) -> None:
        """Touch the file, every few seconds at most: who watches sees that training goes on."""
        now = time.monotonic()
        if now - self._beaten > BEAT_SECONDS:
            self._beaten = now
            with contextlib.suppress(OSError):
                os.utime(self._path)

    def append(self, event: Mapping[str, Any]) -> None:
        """Write `event` in one call, so that a reader sees all of its line or none."""
        line = json.dumps({k: finite(v) for k, v in event.items()}) + "\n"
        with self._path.open("ab", buffering=0) as file:
            file.write(line.encode())
        self.epochs_logged += event["type"] == "epoch"
