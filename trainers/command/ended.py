"""How a command ended, and what that says of its trial."""

from __future__ import annotations

import difflib
import math
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from darkmagic.trainers.command.sources.lines import OF_OUTPUT
from darkmagic.trainers.command.sources.values import Found
from darkmagic.trainers.command.spec import Command

__all__ = ["SECONDS", "Ended", "judge"]

SECONDS = "seconds"
"""The metric that every command has: how long it ran."""
MAX_METRICS = 8
MAX_NAMED = 5
"""Files, of those that it wrote, in the row of a trial without the metric."""


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
    crashed_in: str = ""  # the line of Python at which a signal ended it

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
            where = f" in {self.crashed_in}" if self.crashed_in else ""
            return f"{_signal_name(-self.code)}: a signal ended it{where}{hint}{said}"
        return f"ExitCode {self.code}: {self.error or self.last or 'it printed nothing'}"


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
        folded = {name.casefold(): name for name in names}
        close = [
            folded[c] for c in difflib.get_close_matches(metric.casefold(), folded, n=1, cutoff=0.7)
        ]
        others = [name for name in names if name not in close]
        told = [*(f"{name} (did you mean that?)" for name in close), *others]
        return (
            f"{start}; it gave {', '.join(told[:MAX_METRICS])}{', ...' * (len(told) > MAX_METRICS)}"
        )
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
