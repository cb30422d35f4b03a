"""How many of the places that an edit of a network finds it edits, for whoever asks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field

__all__ = ["Places", "count_places", "counting_places", "note_kinds"]


@dataclass
class Places:
    """Places `edited`, of those `found` that the edit is about; None before any was counted."""

    edited: int | None = None
    found: int | None = None
    kinds: set[str] = field(default_factory=set)  # of what was replaced

    def __str__(self) -> str:
        if self.edited is None:
            return ""
        of = f"{self.edited} of {self.found} places"
        return (
            of if self.edited != self.found else f"{self.edited} place" + "s" * (self.edited != 1)
        )


_COUNT: ContextVar[Places | None] = ContextVar("places", default=None)


def count_places(edited: int, found: int) -> None:
    """Say how many places were edited of those found: once an edit.

    >>> with counting_places() as places:
    ...     count_places(3, 4)
    >>> print(places)
    3 of 4 places
    """
    count = _COUNT.get()
    if count is not None:
        count.edited, count.found = edited, found


def note_kinds(kinds: Iterable[str]) -> None:
    """Say what kinds of calls are replaced."""
    count = _COUNT.get()
    if count is not None:
        count.kinds.update(kinds)


@contextmanager
def counting_places() -> Iterator[Places]:
    """Give the count that edits inside the block make."""
    places = Places()
    token = _COUNT.set(places)
    try:
        yield places
    finally:
        _COUNT.reset(token)
