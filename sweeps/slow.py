"""A line about what takes long: silence has users wonder what is going on."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Timer

__all__ = ["OPENING", "said_if_slow", "say_on_stderr"]

OPENING = "MLflow is slow: opening the experiment there"
SLOW_SECONDS = 5.0
"""Of silence, after which a user wonders."""


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


def say_on_stderr(message: str) -> None:
    """Print a line where nobody shows the progress of what is done."""
    sys.stderr.write(f"{message}\n")
    sys.stderr.flush()
