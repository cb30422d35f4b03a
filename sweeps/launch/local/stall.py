"""Trials that make no progress: how long is too long, by a limit or by a trial's own pace."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkmagic.sweeps.launch.devices import AUTO
from darkmagic.trainers.outputs.event_log import last_line
from darkmagic.trainers.outputs.names import EVENTS

__all__ = ["FIRST_SECONDS", "LONGER", "LOOK_SECONDS", "SETTING", "StallWatch", "patience"]

SETTING = "hydra.launcher.stall_seconds"
LONGER = f"{SETTING}=N waits longer"

FIRST_SECONDS = 3600.0
"""Without a sign of life before training has a pace: data may be fetched, a network compiled."""
LEAST_SECONDS, TIMES = 300.0, 10.0
"""By a trial's pace: ten times the longest time between two signs so far, at least five minutes."""
LOOK_SECONDS = 300.0
"""That a look at all trials before training may take, where the user says nothing of it."""


def patience(
    launcher: Mapping[str, Any], auto: float = FIRST_SECONDS, trials: int = 1
) -> float | None:
    """Return how many seconds what precedes training may take without an answer; None for ever.

    By `stall_seconds` of the `launcher`, `auto` where that is `auto` or the launcher has none. A
    look at several `trials` has as long for each, but five minutes in all where that is longer.

    >>> patience({"stall_seconds": 2}, trials=3), patience({"stall_seconds": 900}, trials=3)
    (6.0, 900.0)
    """
    limit = launcher.get("stall_seconds", AUTO)
    if limit is None:
        return None
    if limit == AUTO:
        return auto
    return max(float(limit), min(LOOK_SECONDS, float(limit) * trials))


@dataclass
class _Signs:
    """Of a run that `began` then: its last sign of life, and its longest silence, in seconds.

    What was `seen` then is the time of the file, by the clock of who keeps it; seconds are counted
    here, by a clock that neither jumps nor goes on while the machine sleeps.
    """

    began: float
    seen: float | None
    last: float
    count: int = 0
    longest: float = 0.0


class StallWatch:
    """Watches the trials in `directories`: their events, whose file training touches.

    `limit` is in seconds, `auto` or None for never. A job that writes no events is never judged.

    >>> watch = StallWatch([Path("trial")], limit=60)
    >>> watch.stalled(0, began=time.time()) is None
    True
    """

    def __init__(self, directories: Sequence[Path], limit: float | str | None) -> None:
        self._files = [directory / EVENTS for directory in directories]
        self._limit = limit
        self._signs: dict[int, _Signs] = {}

    def add(self, directory: Path) -> None:
        """Watch one more trial, whose index is the next."""
        self._files.append(directory / EVENTS)

    def stalled(self, index: int, began: float) -> str | None:
        """Return why trial `index`, which `began` at that unix time, is to be ended, or None.

        Events of an earlier run are no sign of this one.
        """
        now, signs = time.monotonic(), self._signs.get(index)
        try:
            seen = self._files[index].stat().st_mtime
        except OSError:
            seen = None
        if signs is None or signs.began != began:
            signs = self._signs[index] = _Signs(began, seen, now)
        if seen is None:
            return None
        if seen != signs.seen:
            if signs.count:  # the first sign comes when all is ready
                signs.longest = max(signs.longest, now - signs.last)
            signs.seen, signs.last, signs.count = seen, now, signs.count + 1
        silent, limit = now - signs.last, self._seconds(signs)
        if limit is None or silent <= limit:
            return None
        last = last_line(self._files[index])
        said = f"; its last line: {last}" if last else ""
        return f"no progress for {silent:.0f} s ({SETTING}=N allows N s){said}"

    def _seconds(self, signs: _Signs) -> float | None:
        if self._limit != AUTO:
            return None if self._limit is None else float(self._limit)
        paced = signs.count > 1
        return max(LEAST_SECONDS, TIMES * signs.longest) if paced else FIRST_SECONDS
