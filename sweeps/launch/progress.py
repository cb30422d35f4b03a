"""Progress of a sweep: the calls by which it reports trials, epochs and notes as they come."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from threading import Timer
from typing import Any, Protocol

from darkmagic.checklist.records import Status

__all__ = ["Progress", "SilentProgress", "said_if_slow"]

SLOW_SECONDS = 5.0
"""Of silence, after which a user wonders what is going on."""


class Progress(Protocol):
    """Receives the events of a sweep, from one thread at a time. The command line shows them.

    >>> class Notes(SilentProgress):  # one of its calls is of interest
    ...     def note(self, message: str) -> None:
    ...         print(message)
    >>> progress: Progress = Notes()
    >>> progress.note("MLflow is away")
    MLflow is away
    """

    def started(self, trials: Sequence[tuple[str, int]], finished: int) -> None:
        """Receive name and seed of each trial to be trained, and how many were finished before."""

    def added(self, name: str, seed: int) -> None:
        """Receive one more trial to be trained, which has the next index."""

    def status(self, index: int, status: Status, reason: str) -> None:
        """Trial `index` has another status."""

    def event(self, index: int, event: Mapping[str, Any]) -> None:
        """Trial `index` has trained an epoch: a line of its `events.jsonl`."""

    def note(self, message: str) -> None:
        """Receive a line that the user should know."""

    def closed(self) -> None:
        """No more calls follow."""


class SilentProgress(Progress):
    """A `Progress` that shows nothing.

    >>> SilentProgress().note("nobody reads this")
    """

    def started(self, trials: Sequence[tuple[str, int]], finished: int) -> None: ...
    def added(self, name: str, seed: int) -> None: ...
    def status(self, index: int, status: Status, reason: str) -> None: ...
    def event(self, index: int, event: Mapping[str, Any]) -> None: ...
    def note(self, message: str) -> None: ...
    def closed(self) -> None: ...


@contextmanager
def said_if_slow(say: Callable[[str], None], message: str) -> Iterator[None]:
    """Call `say` with `message` if what is done meanwhile takes longer than `SLOW_SECONDS`."""
    timer = Timer(SLOW_SECONDS, say, [message])
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()
