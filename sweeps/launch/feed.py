"""Feed of jobs: those of a launch that are not known before it, as each depends on earlier ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

__all__ = ["Feed"]


class Feed(Protocol):
    """Gives a launcher its jobs one by one. Asked from the launcher's own thread.

    How a job ended is told to the observer, before the feed is asked for another.
    """

    @property
    def expected(self) -> int:
        """About how many jobs there will be, by which devices are shared."""

    def next_job(self) -> Sequence[str] | None:
        """Return the overrides of the next job, for which a device is free; None for none now.

        After None the feed is asked again when a job that runs has ended, and never where none
        runs.
        """

    def unneeded(self, index: int) -> str | None:
        """Return why job `index`, which runs, is to be ended; None if it is not.

        Asked every second.
        """
