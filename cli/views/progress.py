"""Progress of a running sweep: live bars on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from darkmagic.checklist.records import Status
from darkmagic.sweeps.track.rules import METRICS

__all__ = ["LiveProgress", "PlainProgress", "SweepProgress", "make_progress"]

LINE_SECONDS = 10.0
"""Between two lines of a command, where they are not drawn over one another."""
MARKS = {
    Status.FINISHED: ("+", "green"),
    Status.DIVERGED: ("x", "red"),
    Status.STOPPED: ("-", "magenta"),
    Status.FAILED: ("x", "red"),
    Status.SKIPPED: ("-", "magenta"),
    Status.NOT_APPLICABLE: ("-", "magenta"),
    Status.PRUNED: ("-", "magenta"),
}


def make_progress(console: Console) -> LiveProgress | PlainProgress:
    """Return the progress that suits `console`."""
    return LiveProgress(console) if console.is_terminal else PlainProgress(console)


class SweepProgress:
    """State that all share: names, the last epoch of each trial, and the start of each."""

    def __init__(self) -> None:
        self._trials: list[tuple[str, int]] = []
        self._several_seeds = False
        self._last: dict[int, Mapping[str, Any]] = {}
        self._began: dict[int, float] = {}
        self._shown: dict[int, float] = {}
        self._done = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.closed()

    def started(self, trials: Sequence[tuple[str, int]], finished: int) -> None:
        self._trials, self._done = list(trials), 0
        self._several_seeds = len({seed for _, seed in trials}) > 1
        if finished:
            noun = "trial needs" if finished == 1 else "trials need"
            self.note(f"{finished} {noun} no training: finished before, or found to change nothing")

    def added(self, name: str, seed: int) -> None:
        self._trials.append((name, seed))

    def event(self, index: int, event: Mapping[str, Any]) -> None:
        if event["type"] != "line":
            self._last[index] = event

    def note(self, message: str) -> None:
        """Show a line."""
        raise NotImplementedError

    def closed(self) -> None:
        """Do nothing: plain lines need no end."""

    def _figures(self, event: Mapping[str, Any]) -> str:
        upstream = "upstream " if event["phase"] == "upstream" else ""
        return f"{upstream}loss {_loss(event)} {_figure(event)}"

    def _name(self, index: int) -> str:
        name, seed = self._trials[index]
        return f"{name} s{seed}" if self._several_seeds else name

    def _end_line(self, index: int, status: Status, reason: str) -> Text:
        mark, style = MARKS.get(status, ("?", "red"))
        seconds = time.monotonic() - self._began.pop(index, time.monotonic())
        last = self._last.get(index)
        text = Text(f"{mark} ", style=style)
        text.append(f"{self._name(index):<29} ", style="none")
        if status is Status.FINISHED and last is not None:
            text.append(f"{_figure(last)}  {seconds:5.1f} s", style="none")
        else:
            text.append(f"{status.replace('_', ' ')}: {reason}", style=style)
        return text


class _ConsoleProgress(SweepProgress):
    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console

    def note(self, message: str) -> None:
        self._console.print(Text(message))


class PlainProgress(_ConsoleProgress):
    """A line at each start and end, and one each quarter of a trial's epochs."""

    def status(self, index: int, status: Status, reason: str) -> None:
        if status is Status.RUNNING:
            self._began[index] = time.monotonic()
            self._console.print(Text(f"  {self._name(index):<29} started"), soft_wrap=True)
            return
        self._done += 1
        line = self._end_line(index, status, reason)
        line.append(f"  [{self._done}/{len(self._trials)}]", style="none")
        self._console.print(line, soft_wrap=True)

    def event(self, index: int, event: Mapping[str, Any]) -> None:
        super().event(index, event)
        if "value" in event or event["type"] == "line":
            self._event_of_command(index, event)
            return
        quarter = max(1, event["epochs"] // 4)
        if event["epoch"] % quarter == 0 and event["epoch"] < event["epochs"]:
            upstream = "upstream " if event["phase"] == "upstream" else ""
            self._console.print(
                Text(
                    f"  {self._name(index):<29} {upstream}epoch {event['epoch']}/{event['epochs']}"
                    f"  loss {_loss(event)}  {_figure(event)}"
                    f"  {event['images_per_second']:.0f} img/s"
                ),
                soft_wrap=True,
            )

    def _event_of_command(self, index: int, event: Mapping[str, Any]) -> None:
        """Show what a command prints or reaches, once in a while: it says not how far it is."""
        now = time.monotonic()
        if now - self._shown.get(index, self._began.get(index, now)) > LINE_SECONDS:
            self._shown[index] = now
            text = event["text"] if event["type"] == "line" else _figure(event)
            self._console.print(Text(f"  {self._name(index):<29} {text}"), soft_wrap=True)


class LiveProgress(_ConsoleProgress):
    """Bars of the sweep and of each running trial, and a line above them for each that ended."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        wide = console.width >= 100
        self._sweep = Progress(
            TextColumn("[bold]{task.description}"),
            BarColumn(bar_width=20),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            TextColumn("left"),
            TimeRemainingColumn(),
            console=console,
        )
        columns = [
            TextColumn("{task.description}"),
            BarColumn(bar_width=20 if wide else 6),
            TextColumn("{task.completed:.0f}/{task.total:.0f}"),
            TextColumn("{task.fields[figures]}"),
        ]
        if wide:
            columns.append(TimeRemainingColumn())
        self._running = Progress(*columns, console=console)
        self._wide = wide
        self._tasks: dict[int, TaskID] = {}
        self._all: TaskID | None = None
        self._live: Any = None

    def started(self, trials: Sequence[tuple[str, int]], finished: int) -> None:
        from rich.console import Group
        from rich.live import Live

        super().started(trials, finished)
        if self._all is not None:  # of the sweep before, where one follows another
            self._sweep.remove_task(self._all)
        self._all = self._sweep.add_task("trials", total=len(trials))
        self._live = Live(
            Group(self._sweep, self._running), console=self._console, refresh_per_second=8
        )
        self._live.start()

    def added(self, name: str, seed: int) -> None:
        super().added(name, seed)
        if self._all is not None:
            self._sweep.update(self._all, total=len(self._trials))

    def closed(self) -> None:
        if self._live is not None:
            self._live.stop()
            self._live = None

    def status(self, index: int, status: Status, reason: str) -> None:
        if status is Status.RUNNING:
            self._began[index] = time.monotonic()
            self._tasks[index] = self._running.add_task(
                self._name(index)[:32], total=1, figures="starting"
            )
            return
        if index in self._tasks:
            self._running.remove_task(self._tasks.pop(index))
        if self._all is not None:
            self._sweep.advance(self._all)
        self._console.print(self._end_line(index, status, reason))

    def event(self, index: int, event: Mapping[str, Any]) -> None:
        super().event(index, event)
        if "value" in event or event["type"] == "line":
            self._event_of_command(index, event)
            return
        figures = self._figures(event)
        if self._wide:
            figures += f"  {event['images_per_second']:.0f} img/s"
        if index in self._tasks:
            self._running.update(
                self._tasks[index],
                completed=event["epoch"],
                total=event["epochs"],
                figures=figures,
            )

    def _event_of_command(self, index: int, event: Mapping[str, Any]) -> None:
        """Show the metric, and the newest line of a command."""
        if index not in self._tasks:
            return
        last = self._last.get(index)
        parts = [_figure(last)] if last is not None else []
        if event["type"] == "line":
            parts.append(event["text"][: self._console.width // 2])
        step = 0 if last is None else last["epoch"]
        self._running.update(
            self._tasks[index], completed=step, total=max(step, 1), figures=" ".join(parts)
        )


def _figure(event: Mapping[str, Any]) -> str:
    """Return the metric that decides, with its name where that is not the accuracy."""
    metric = event.get("metric", "accuracy")
    if "value" in event:  # of a command
        return f"{metric} {_number(event['value'])}"
    value, known = event[f"val_{metric}"], METRICS[metric]
    shown = "nan" if value is None else known.value(known.scale * value)
    return f"{known.short.rstrip(',')} {shown:>5}"


def _loss(event: Mapping[str, Any]) -> str:
    return "nan" if event["train_loss"] is None else f"{event['train_loss']:.3f}"


def _number(value: float | None) -> str:
    """Return the value of a metric; one that was not finite is None in an event."""
    return "nan" if value is None else f"{value:.6g}"
