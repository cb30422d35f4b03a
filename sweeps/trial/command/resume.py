"""A trial that was interrupted: what its script goes on with, and what it had before."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from darkmagic.trainers.command.ended import Ended
from darkmagic.trainers.command.run import find_metric
from darkmagic.trainers.command.sources.lines import Lines
from darkmagic.trainers.command.sources.values import Found
from darkmagic.trainers.command.spec import Command, fill
from darkmagic.trainers.outputs.event_log import last_of_each_epoch, parse_event
from darkmagic.trainers.outputs.names import EVENTS

__all__ = ["Earlier", "could_not_go_on", "join", "read_earlier", "resume_words"]


@dataclass(frozen=True)
class Earlier:
    """The part of a trial that ran before: since when (unix time), and its values of the metric."""

    since: float
    found: Found = field(default_factory=lambda: Found("the part of it before"))


def resume_words(
    command: Command, directory: Path, values: Mapping[str, str]
) -> tuple[list[str], str]:
    """Return the words with which the script goes on, and a line on what was decided.

    A word with a path in the trial's `directory` names the newest file that fits it; without one
    the script starts anew. Words without a path are given whenever the trial has run before.
    Both are empty for a trial that has not.
    """
    if not directory.is_dir() or not any(directory.iterdir()):
        return [], ""
    if not command.resume:
        return [], "starts anew: no words to go on with are given (--resume)"
    words = []
    for word in command.resume:
        before, mark, pattern = word.partition("{directory}")
        if not mark:
            words.append(fill(word, values))
            continue
        found = directory.glob(pattern.lstrip("/"))
        files = sorted(found, key=lambda path: path.stat().st_mtime)
        if not files:
            return [], f"starts anew: it left no {{directory}}{pattern} to go on from"
        words.append(f"{fill(before, values)}{files[-1]}")
    return words, "goes on with " + " ".join(words)


def could_not_go_on(
    command: Command,
    ended: Ended,
    lines: Lines,
    directory: Path,
    values: Mapping[str, str],
    since: float,
) -> bool:
    """Whether a script that was to go on failed before it came to anything.

    It is so where it gave an exit code other than 0 and no value of the metric, in its output or
    in a file of its `directory` that is newer than `since`: the checkpoint may be half of one, as
    its writer was killed. One that was ended by a signal or by its limit says nothing of that.
    """
    if ended.timed_out or ended.code is None or ended.code <= 0:
        return False
    found, _ = find_metric(command, lines, directory, values, since)
    return found is None


def read_earlier(folder: Path, metric: str, now: float) -> Earlier:
    """Return what the events in a trial's `folder` have of the part that was interrupted."""
    path = folder / EVENTS
    lines = path.read_bytes().splitlines() if path.exists() else []
    events = [event for line in lines if (event := parse_event(line)) is not None]
    starts = [event["time"] for event in events if event["type"] == "start"]
    earlier = Earlier(min([now, *starts]))
    for epoch in last_of_each_epoch(events):
        if epoch.get("metric") == metric and isinstance(epoch.get("value"), int | float):
            earlier.found.add(metric, float(epoch["value"]), epoch["epoch"])
    return earlier


def join(earlier: Found, found: Found | None, metric: str) -> Found | None:
    """Return the values of both parts of a trial; those without a step are counted on.

    >>> before = Found("before", {"acc": [(1, 0.5), (2, 0.6)]})
    >>> join(before, Found("now", {"acc": [(None, 0.7)]}), "acc").series("acc")
    [(1, 0.5), (2, 0.6), (3, 0.7)]
    """
    before = earlier.series(metric)
    if not before:
        return found
    if found is None:
        return earlier
    first = max(step for step, _ in before)
    counted = any(step is None for step, _ in found.values[metric])
    after = [(step + first * counted, value) for step, value in found.series(metric)]
    return Found(found.where, {metric: [*before, *after]})
