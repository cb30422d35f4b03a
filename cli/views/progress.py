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

__all__ = ["LiveProgress", "PlainProgress", "make_progress"]

MARKS = {
    Status.FINISHED: ("+", "green"),
    Status.DIVERGED: ("x", "red"),
    Status.STOPPED: ("-", "yellow"),
    Status.FAILED: ("x", "red"),
    Status.SKIPPED: ("-", "yellow"),
    Status.NOT_APPLICABLE: ("-", "yellow"),
}


def make_progress(console: Console) -> LiveProgress | PlainProgress:
    """Return the progress that suits `console`."""
    return LiveProgress(console) if console.is_terminal else PlainProgress(console)


class _SweepProgress:
    """State that both share: names, the last epoch of each trial, and the start of each."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._trials: list[tuple[str, int]] = []
        self._several_seeds = False
        self._last: dict[int, Mapping[str, Any]] = {}
        self._began: dict[int, float] = {}
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

    def event(self, index: int, event: Mapping[str, Any]) -> None:
        self._last[index] = event

    def note(self, message: str) -> None:
        self._console.print(Text(message))

    def closed(self) -> None:
        """Do nothing: plain lines need no end."""

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
            text.append(f"val {_percent(last['val_accuracy'])}  {seconds:5.1f} s", style="none")
        else:
            text.append(f"{status.replace('_', ' ')}: {reason}", style=style)
        return text


class PlainProgress(_SweepProgress):
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
        quarter = max(1, event["epochs"] // 4)
        if event["epoch"] % quarter == 0 and event["epoch"] < event["epochs"]:
            upstream = "upstream " if event["phase"] == "upstream" else ""
            self._console.print(
                Text(
                    f"  {self._name(index):<29} {upstream}epoch {event['epoch']}/{event['epochs']}"
                    f"  loss {_loss(event)}  val {_percent(event['val_accuracy'])}"
                    f"  {event['images_per_second']:.0f} img/s"
                ),
                soft_wrap=True,
            )


class LiveProgress(_SweepProgress):
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
        figures = f"loss {_loss(event)} val {_percent(event['val_accuracy'])}"
        if self._wide:
            figures += f"  {event['images_per_second']:.0f} img/s"
        if event["phase"] == "upstream":
            figures = "upstream " + figures
        if index in self._tasks:
            self._running.update(
                self._tasks[index],
                completed=event["epoch"],
                total=event["epochs"],
                figures=figures,
            )


def _percent(accuracy: float | None) -> str:
    return "  nan" if accuracy is None else f"{100 * accuracy:5.2f}"


def _loss(event: Mapping[str, Any]) -> str:
    return "nan" if event["train_loss"] is None else f"{event['train_loss']:.3f}"
