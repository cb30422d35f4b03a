"""One trial of a command: it runs, its lines are read as they come, and its end is judged."""

from __future__ import annotations

import dataclasses
import difflib
import math
import selectors
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkmagic.trainers.command.life import telling_what_runs
from darkmagic.trainers.command.log import OutputLog, error_at_end
from darkmagic.trainers.command.sources.files import read_files
from darkmagic.trainers.command.sources.lines import OF_OUTPUT, Lines
from darkmagic.trainers.command.sources.values import Found
from darkmagic.trainers.command.spec import Command
from darkmagic.trainers.command.tree import ProcessTree
from darkmagic.trainers.runtime.peak import peak_bytes_of_children

__all__ = ["OUTPUT", "SECONDS", "Ended", "Watcher", "run_command"]

OUTPUT = "output"
"""The folder in a trial's own that its command has for itself, as `{directory}`."""
SECONDS = "seconds"
"""The metric that every command has: how long it ran."""
READ_BYTES = 1 << 18
TICK_SECONDS = 0.2
DRAIN_SECONDS = 1.0
"""For what is still in the pipe when the program has ended, and its children hold it open."""
MAX_NAMED = 5
"""Files, of those that it wrote, in the row of a trial without the metric."""


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


@dataclass(frozen=True)
class Ended:
    """How a command ended. `code` is its exit code, the negative signal if it was killed."""

    code: int | None
    timed_out: bool
    seconds: float
    last: str  # the last line of its output
    bytes: int
    left_out: int  # bytes of output that are in no file
    left_behind: int  # processes that it left, which were ended
    peak_memory: int  # bytes of its largest process
    error: str = ""  # the last line of the traceback at the end of its output

    @property
    def failure(self) -> str:
        """Why it failed; empty if it exited with 0."""
        said = f"; its last line: {self.last}" if self.last else ""
        if self.timed_out:
            return f"TimedOut: it ran for {self.seconds:.0f} s, its limit, and was ended{said}"
        if self.code == 0:
            return ""
        if self.code is not None and self.code < 0:
            hint = " (out of memory?)" if -self.code == signal.SIGKILL else ""
            return f"{_signal_name(-self.code)}: a signal ended it{hint}{said}"
        return f"ExitCode {self.code}: {self.error or self.last or 'it printed nothing'}"


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
            seconds = time.monotonic() - began
            code, left = tree.poll(), tree.left_behind()
        finally:
            tree.stop()
        lines.read(output.rest())
        ended = Ended(
            code,
            timed_out,
            seconds,
            output.last,
            output.bytes,
            output.left_out,
            left,
            peak_bytes_of_children(),
        )
    if not ended.failure:
        return ended, lines
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


def judge(
    command: Command,
    ended: Ended,
    found: Found | None,
    looked: Sequence[Found],
    files: Sequence[str] = (),
) -> dict[str, Any]:
    """Return status, reason and value of the trial that ended so; `files` are those it wrote."""
    if ended.failure:
        return {"status": "failed", "reason": ended.failure}
    if found is None and command.metric == SECONDS:
        return {"status": "finished", "reason": "", "value": ended.seconds, "epochs": 1}
    if found is None:
        return {"status": "failed", "reason": _missing(command.metric, ended, looked, files)}
    series = found.series(command.metric)
    step, value = series[-1]
    finite = [value for _, value in series if math.isfinite(value)]
    if not math.isfinite(value):
        reason = f"{command.metric} is {value} at step {step} ({found.where})"
        return {"status": "diverged", "reason": reason, "epochs": len(series)}
    if command.take == "best":
        value = max(finite) if command.maximize else min(finite)
    return {"status": "finished", "reason": "", "value": value, "epochs": len(series)}


def _missing(metric: str, ended: Ended, looked: Sequence[Found], files: Sequence[str]) -> str:
    """Return a line on a metric that never came: what there is instead, if anything."""
    names = list(dict.fromkeys(name for found in looked for name in found.values))
    start = f"NoMetric: {metric} never came"
    if names:
        shown = ", ".join(names[:8]) + (", ..." if len(names) > 8 else "")
        folded = {name.casefold(): name for name in names}
        close = difflib.get_close_matches(metric.casefold(), folded, n=1, cutoff=0.7)
        hint = f"; did you mean {folded[close[0]]}?" if close else ""
        return f"{start}; it gave {shown}{hint}"
    tracked = [found.where for found in looked if not found.where.endswith(OF_OUTPUT)]
    if tracked:
        return f"{start}: no number in {', '.join(tracked[:3])}"
    wrote = ", ".join(files[:MAX_NAMED])
    if len(files) > MAX_NAMED:
        wrote += f" and {len(files) - MAX_NAMED:,} more"
    how = f"print 'METRIC {metric}=0.9', or give --pattern, --file or --mlflow"
    if not ended.bytes:
        wrote = wrote and f", and wrote {wrote}"
        seconds = f"{ended.seconds:.1f} s"
        return f"{start}: it exited with 0 after {seconds} and printed nothing{wrote}; {how}"
    wrote = wrote and f", where it wrote {wrote}"
    where = f"no number in its output or {{directory}}{wrote}"
    return f"{start}: {where}; {how} (its last line: {ended.last})"


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
