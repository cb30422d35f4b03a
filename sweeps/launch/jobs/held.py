"""What this process holds, told to what it starts: that leaves off where another process took it.

Who starts a sweep may be stopped, as by Ctrl-Z, while its trials go on. A machine that shares the
folder takes it for dead and begins the same trials, beside which nothing of it may go on: neither
its trials, each of which looks for a successor, nor itself, when it is continued.
"""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.launch.jobs.holder import Holder, read_holder

__all__ = ["Held", "being_trained", "check_held", "held_here", "holding", "wait_until_taken"]

LOOK_SECONDS = 1.0
"""A successor takes longer to begin a trial: it imports and composes first."""


@dataclass(frozen=True)
class Held:
    """A file by which `holder` holds what is called `name`."""

    path: Path
    name: str
    holder: Holder

    def taken(self) -> Holder | None:
        """Return who has taken it since; None if nobody has."""
        found = read_holder(self.path)
        return None if found == self.holder else found


_held: list[Held] = []


@contextlib.contextmanager
def holding(files: Mapping[Path, str], holder: Holder) -> Iterator[None]:
    """Have this process known to hold `files` inside the block."""
    ours = [Held(path.absolute(), name, holder) for path, name in files.items()]
    _held.extend(ours)
    try:
        yield
    finally:
        for each in ours:
            _held.remove(each)


def held_here() -> tuple[Held, ...]:
    """Return what this process holds."""
    return tuple(_held)


def check_held() -> None:
    """Raise `UserError` where another process has taken what this one holds."""
    for each in _held:
        if (successor := each.taken()) is not None:
            raise being_trained(each.name, successor)


def being_trained(name: str, holder: Holder) -> UserError:
    """Return the error of who wants to train what another process holds."""
    return UserError(
        f"{name} is being trained by {holder}; wait for it, or give another name: -n NAME"
    )


def wait_until_taken(held: tuple[Held, ...]) -> None:
    """Return when another process has taken one of `held`, which whoever started this one held."""
    while not any(each.taken() for each in held):
        time.sleep(LOOK_SECONDS)
