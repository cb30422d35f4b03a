"""Files that trials keep: an append-only log of events, whole files at once, the cache."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["CORRECT", "EVENTS", "RESULT", "EventLog", "cache_folder", "write_json"]

EVENTS = "events.jsonl"
RESULT = "result.json"
CORRECT = "val_correct.npy"
"""Which validation images were right: one bit an image, as numpy's `packbits` gives them."""


class EventLog:
    """Appends a line of JSON an event; a reader may follow it while it grows."""

    def __init__(self, directory: Path) -> None:
        self._path = directory / EVENTS
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

    def append(self, event: Mapping[str, Any]) -> None:
        """Write `event` in one call, so that a reader sees all of its line or none."""
        line = json.dumps({k: _finite(v) for k, v in event.items()}) + "\n"
        with self._path.open("ab", buffering=0) as file:
            file.write(line.encode())
        self.epochs_logged += event["type"] == "epoch"


def cache_folder(named: str | Path | None) -> Path:
    """Return the folder of decoded images, upstream weights and compiled code.

    Where none is `named` it is the user's: $XDG_CACHE_HOME/darkmagic, or ~/.cache/darkmagic.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    return (Path(named) if named else base / "darkmagic").expanduser().absolute()


def _finite(value: Any) -> Any:
    """JSON has no NaN or infinity: say them as null."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` so that `path` is either whole or not there."""
    temporary = path.with_name(path.name + ".part")
    finite = {key: _finite(value) for key, value in content.items()}
    temporary.write_text(json.dumps(finite, indent=2) + "\n")
    temporary.replace(path)
