"""One run of a command: its lines are read as they come, then the metric is looked for."""

from __future__ import annotations

import dataclasses
import selectors
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from darkmagic.trainers.command.ended import Ended
from darkmagic.trainers.command.life import telling_what_runs
from darkmagic.trainers.command.log import OutputLog, crash_at_end, error_at_end
from darkmagic.trainers.command.sources.files import read_files
from darkmagic.trainers.command.sources.lines import Lines
from darkmagic.trainers.command.sources.values import Found
from darkmagic.trainers.command.spec import Command
from darkmagic.trainers.command.tree import ProcessTree
from darkmagic.trainers.runtime.peak import peak_bytes_of_children

__all__ = ["OUTPUT", "Watcher", "find_metric", "run_command"]

OUTPUT = "output"
"""The folder in a trial's own that its command has for itself, as `{directory}`."""
READ_BYTES = 1 << 18
TICK_SECONDS = 0.2
DRAIN_SECONDS = 1.0
"""For what is still in the pipe when the program has ended, and its children hold it open."""


class Watcher:
    """Receives what a command does while it runs."""

    def line(self, text: str) -> None:
        """Receive its newest line, now and then."""

    def quiet(self, text: str) -> None:
        """Receive its newest line again, while it prints nothing, several times a second."""

    def stalled(self, text: str) -> None:
        """Receive a line on a process of it that runs, before it is ended for want of progress."""

    def value(self, found: Found) -> None:
        """Receive what lines have, when one had a value of the metric."""


def run_command(
    command: Command,
    directory: Path,
    values: Mapping[str, str],
    log: Path,
    watcher: Watcher,
    more: Sequence[str] = (),
) -> tuple[Ended, Lines]:
    """Run `command`, `more` words behind its own, to its end; return how it ended and its lines.

    `directory` is made for it if it is not there. What it prints goes to the file `log`, of a
    bounded size. Whatever it started is ended with it, also when this is interrupted.
    """
    directory.mkdir(parents=True, exist_ok=True)
    words = command.filled(values, more)
    began = time.monotonic()
    lines = Lines(command.metric, command.pattern)
    with OutputLog(log) as output:
        tree = ProcessTree(words, command.environ(values))
        try:
            with telling_what_runs(tree, watcher.stalled):
                timed_out = _follow(tree, output, lines, watcher, command.timeout, began)
            lines.read(output.rest())
            last = output.last  # before the stacks of one that took too long
            seconds = time.monotonic() - began
            code, left = tree.poll(), tree.left_behind()
            tree.wants_stacks |= timed_out
        finally:
            list(output.add(tree.stop()))
        ended = Ended(
            code,
            timed_out,
            seconds,
            last,
            output.bytes,
            output.left_out,
            left,
            peak_bytes_of_children(),
        )
    if not ended.failure:
        return ended, lines
    if code is not None and code < 0 and (crash := crash_at_end(log)) is not None:
        return dataclasses.replace(ended, last=crash.last, crashed_in=crash.where), lines
    return dataclasses.replace(ended, error=error_at_end(log)), lines


def _follow(
    tree: ProcessTree,
    output: OutputLog,
    lines: Lines,
    watcher: Watcher,
    timeout: float | None,
    began: float,
) -> bool:
    """Read what the program prints until it ends; return whether its time was up first."""
    end: float | None = None
    with selectors.DefaultSelector() as selector:
        selector.register(tree.output, selectors.EVENT_READ)
        while True:
            data = _read(tree, selector)
            if data:
                completed = list(output.add(data))
                if lines.concerns(b"\n".join(completed)) and sum(map(lines.read, completed)):
                    watcher.value(next(f for f in lines.found if f.values.get(lines.metric)))
                watcher.line(output.last)
            else:
                watcher.quiet(output.last)
            now = time.monotonic()
            if timeout is not None and now - began > timeout:
                return True
            if tree.poll() is not None:
                end = now if end is None else end
                if not data or now - end > DRAIN_SECONDS:
                    return False


def _read(tree: ProcessTree, selector: selectors.BaseSelector) -> bytes:
    """Return what the program has printed, or nothing after a while without any."""
    if not selector.get_map():  # it closed its output, and still runs
        time.sleep(TICK_SECONDS)
        return b""
    if not selector.select(TICK_SECONDS):
        return b""
    data = tree.output.read(READ_BYTES) or b""
    if not data:
        selector.unregister(tree.output)
    return data


def find_metric(
    command: Command,
    lines: Lines,
    directory: Path,
    values: Mapping[str, str],
    since: float,
    trackers: Callable[[], Iterator[Found]] = lambda: iter(()),
) -> tuple[Found | None, list[Found]]:
    """Return the first source that has the metric, and all that were looked at."""
    looked: list[Found] = []
    for found in _sources(command, lines, directory, values, since, trackers):
        looked.append(found)
        if found.values.get(command.metric):
            return found, looked
    return None, looked


def _sources(
    command: Command,
    lines: Lines,
    directory: Path,
    values: Mapping[str, str],
    since: float,
    trackers: Callable[[], Iterator[Found]],
) -> Iterator[Found]:
    yield from lines.found
    yield from read_files(command.files, directory, values, since)
    yield from trackers()
