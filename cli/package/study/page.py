"""Progress in a notebook: one piece of HTML that is replaced as trials go on, no widget."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from typing import Any

from darkmagic.checklist.records import Status
from darkmagic.checklist.report.writers.html import render
from darkmagic.cli.views.progress import SweepProgress

__all__ = ["NotebookProgress"]

REFRESH_SECONDS = 0.25
MOST_LINES = 40
"""Ended trials that are listed; of more, the last."""


@dataclass(frozen=True)
class Bar:
    """One bar of the page: `done` of `total`, and what it has come to."""

    name: str
    done: int
    total: int
    figures: str


class NotebookProgress(SweepProgress):
    """A `Progress` that shows a bar of the sweep, one a running trial, and a line an ended one."""

    def __init__(self) -> None:
        super().__init__()
        self._notes: list[str] = []
        self._ended: list[str] = []
        self._running: dict[int, Bar] = {}
        self._handle: Any = None
        self._shown_at = 0.0

    def started(self, trials: Sequence[tuple[str, int]], finished: int) -> None:
        super().started(trials, finished)
        self._show(at_once=True)

    def status(self, index: int, status: Status, reason: str) -> None:
        if status is Status.RUNNING:
            self._began[index] = time.monotonic()
            self._running[index] = Bar(self._name(index), 0, 1, "starting")
        else:
            self._done += 1
            self._running.pop(index, None)
            self._ended.append(self._end_line(index, status, reason).plain)
        self._show()

    def event(self, index: int, event: Mapping[str, Any]) -> None:
        super().event(index, event)
        if index in self._running:
            name, figures = self._name(index), self._figures(event)
            self._running[index] = Bar(name, event["epoch"], event["epochs"], figures)
            self._show()

    def note(self, message: str) -> None:
        self._notes.append(message)
        self._show(at_once=True)

    def closed(self) -> None:
        self._running.clear()
        if self._handle is not None:
            self._show(at_once=True)

    def html(self) -> str:
        """Return what is shown now."""
        total = len(self._trials)
        return render(
            "progress.html.j2",
            notes=self._notes,
            sweep=total and Bar("trials", self._done, total, f"{self._done} of {total}"),
            running=list(self._running.values()),
            ended=self._ended[-MOST_LINES:],
            left_out=max(0, len(self._ended) - MOST_LINES),
        )

    def _show(self, *, at_once: bool = False) -> None:
        ipython: Any = import_module("IPython.display")  # which has no types
        now = time.monotonic()
        if not at_once and now - self._shown_at < REFRESH_SECONDS:
            return
        self._shown_at = now
        if self._handle is None:
            self._handle = ipython.display(ipython.HTML(self.html()), display_id=True)
        else:
            self._handle.update(ipython.HTML(self.html()))
