"""Progress that is passed on, and tells how long each trial took."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from darkmagic.checklist.records import Status
from darkmagic.sweeps.launch.progress import Progress

__all__ = ["Timed"]


class Timed(Progress):
    """Progress that is passed on, with the seconds of each trial and in which any has run."""

    def __init__(
        self, shown: Progress, ended: Callable[[float, int], None], now: Callable[[], float]
    ) -> None:
        self._shown, self._tell, self._now = shown, ended, now
        self._running: dict[int, float] = {}
        self._since = self._seconds = 0.0
        self.busy = 0.0  # seconds in which any trial ran
        self.ended = 0

    @property
    def slots(self) -> int:
        """How many trials ran at once, on average."""
        now = self._now()
        running = sum(now - began for began in self._running.values())
        busy = self.busy + (now - self._since if self._running else 0.0)
        return max(1, round((self._seconds + running) / busy)) if busy else 1

    def started(self, trials: Sequence[tuple[str, int]], finished: int) -> None:
        self._shown.started(trials, finished)

    def added(self, name: str, seed: int) -> None:
        self._shown.added(name, seed)

    def status(self, index: int, status: Status, reason: str) -> None:
        now = self._now()
        if status is Status.RUNNING:
            self._since = self._since if self._running else now
            self._running[index] = now
        elif index in self._running:
            took = now - self._running.pop(index)
            self._seconds += took
            if not self._running:
                self.busy += now - self._since
            if status is Status.FINISHED:
                self.ended += 1
                self._tell(took, self.slots)
        self._shown.status(index, status, reason)

    def event(self, index: int, event: Mapping[str, Any]) -> None:
        self._shown.event(index, event)

    def note(self, message: str) -> None:
        self._shown.note(message)

    def closed(self) -> None:
        self._shown.closed()
