"""How a sweep tells of its progress, to whatever shows it."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping, Sequence
from contextvars import ContextVar
from typing import Any, Protocol

from darkmagic.checklist.records import Status

__all__ = ["SilentView", "SweepView", "current_view", "viewed_by"]


class SweepView(Protocol):
    """Called from one thread at a time."""

    def started(self, trials: Sequence[tuple[str, int]], finished: int) -> None:
        """Name and seed of each trial to be trained; how many were finished before."""

    def status(self, index: int, status: Status, reason: str) -> None:
        """Trial `index` stands differently."""

    def event(self, index: int, event: Mapping[str, Any]) -> None:
        """Trial `index` has trained an epoch: a line of its `events.jsonl`."""

    def note(self, message: str) -> None:
        """Something the user should know, in a line."""

    def closed(self) -> None:
        """Nothing more comes."""


class SilentView:
    """Shows nothing."""

    def started(self, trials: Sequence[tuple[str, int]], finished: int) -> None: ...
    def status(self, index: int, status: Status, reason: str) -> None: ...
    def event(self, index: int, event: Mapping[str, Any]) -> None: ...
    def note(self, message: str) -> None: ...
    def closed(self) -> None: ...


_view: ContextVar[SweepView | None] = ContextVar("view", default=None)


def current_view() -> SweepView:
    """Return the view of this context, a silent one where none was set."""
    return _view.get() or SilentView()


@contextlib.contextmanager
def viewed_by(view: SweepView) -> Iterator[None]:
    """Let sweeps inside this context tell `view`."""
    token = _view.set(view)
    try:
        yield
    finally:
        _view.reset(token)
