"""Commands that only look answer sooner: what Python tidies up for them is not worth its time."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from darkmagic.cli.errors import Settings
from darkmagic.sweeps.track.gc_paused import uncollected

__all__ = ["exit_fast", "read_only"]


@contextlib.contextmanager
def read_only() -> Iterator[None]:
    """Collect no garbage in here, and let the process end at once: nothing is left to write.

    Python would take MLflow apart object by object, which takes it a second.
    """
    try:
        with uncollected():
            yield
    finally:
        Settings.only_read = True


def exit_fast(command: Callable[[], None]) -> None:
    """Run `command`; where it only looked, end the process without taking it apart.

    `--debug` ends as Python does: profilers write then.
    """
    try:
        command()
    except SystemExit as end:
        if Settings.debug or not Settings.only_read or not isinstance(end.code, int | None):
            raise
        with contextlib.suppress(BrokenPipeError):  # as of `darkmagic report | head`
            sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code or 0)
