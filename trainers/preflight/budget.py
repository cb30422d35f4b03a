"""A budget of seconds: what runs over it is interrupted, and what comes after is left out."""

from __future__ import annotations

import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any, Self

__all__ = ["Budget", "OutOfTime"]


class OutOfTime(BaseException):
    """The budget is spent."""


class Budget:
    """Seconds that several blocks have together.

    A block that starts after they are spent raises `OutOfTime` at once. One that runs over is
    interrupted, which only the main thread of a process can be; elsewhere it ends by itself.

    >>> budget = Budget(0)
    >>> try:
    ...     with budget:
    ...         print("this takes time")
    ... except OutOfTime:
    ...     print("left out")
    left out
    """

    def __init__(self, seconds: float) -> None:
        self._end = time.monotonic() + seconds
        self._before: Any = None

    def __enter__(self) -> Self:
        left = self._end - time.monotonic()
        if left <= 0:
            raise OutOfTime
        self._timed = (
            left < threading.TIMEOUT_MAX and threading.current_thread() is threading.main_thread()
        )
        if self._timed:
            self._before = signal.signal(signal.SIGALRM, _stop)
            signal.setitimer(signal.ITIMER_REAL, left)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._timed:
            signal.setitimer(signal.ITIMER_REAL, 0)
            signal.signal(signal.SIGALRM, self._before)


def _stop(_signal: int, _frame: FrameType | None) -> None:
    raise OutOfTime
