"""Progress of a sweep: the calls by which it reports trials, epochs and notes as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from darkmagic.checklist.records import Status

__all__ = ["Progress", "SilentProgress", "UnfailingProgress"]


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


class UnfailingProgress(Progress):
    """Hands each call to `shown` until one fails: no trial is lost by how it is shown.

    `problem` is what that one raised, None as long as none did.

    >>> class Broken(SilentProgress):
    ...     def note(self, message: str) -> None:
    ...         raise OSError("no space left")
    >>> progress = UnfailingProgress(Broken())
    >>> progress.note("MLflow is away")
    >>> progress.problem
    OSError('no space left')
    """

    def __init__(self, shown: Progress) -> None:
        self._shown = shown
        self.problem: BaseException | None = None

    def _call(self, name: str, *values: Any) -> None:
        if self.problem is None:
            try:
                getattr(self._shown, name)(*values)
            except (Exception, SystemExit) as error:  # noqa: BLE001 (whatever a user's own raises)
                self.problem = error

    def started(self, trials: Sequence[tuple[str, int]], finished: int) -> None:
        self._call("started", trials, finished)

    def added(self, name: str, seed: int) -> None:
        self._call("added", name, seed)

    def status(self, index: int, status: Status, reason: str) -> None:
        self._call("status", index, status, reason)

    def event(self, index: int, event: Mapping[str, Any]) -> None:
        self._call("event", index, event)

    def note(self, message: str) -> None:
        self._call("note", message)

    def closed(self) -> None:
        self._call("closed")
