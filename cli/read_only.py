"""Read-only commands exit without Python's cleanup at exit, which they do not need."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Callable, Iterator

from darkmagic.cli.errors import Settings
from darkmagic.sweeps.track.gc_paused import pause_gc

__all__ = ["exit_fast", "read_only"]


@contextlib.contextmanager
def read_only() -> Iterator[None]:
    """Pause the garbage collector inside the block, and let the process exit fast after it.

    Python's cleanup would free MLflow object by object, which takes a second.
    """
    try:
        with pause_gc():
            yield
    finally:
        Settings.read_only = True


def exit_fast(command: Callable[[], None]) -> None:
    """Run `command`; if it was read-only, end the process without tidying up.

    `--debug` ends as Python does: profilers write then.
    """
    try:
        command()
    except SystemExit as end:
        if Settings.debug or not Settings.read_only or not isinstance(end.code, int | None):
            raise
        with contextlib.suppress(BrokenPipeError):  # as of `darkmagic report | head`
            sys.stdout.flush()
        sys.stderr.flush()
        os._exit(end.code or 0)
