"""Imports of large packages without the garbage collector."""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator

__all__ = ["pause_gc"]


@contextlib.contextmanager
def pause_gc() -> Iterator[None]:
    """Pause the garbage collector inside the block.

    While MLflow is imported the collector walks hundreds of thousands of objects again and again,
    none of them garbage: a sixth of the time.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
