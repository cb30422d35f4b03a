"""A line a check: what it found, or the error that it ended with."""

from __future__ import annotations

import traceback
from collections.abc import Callable
from pathlib import Path

__all__ = ["report"]


def report(name: str, check: Callable[[], str]) -> str:
    """Print and return what `check` finds; empty if nothing is wrong."""
    try:
        finding = check()
    except Exception as error:  # noqa: BLE001 (the other checks are to run all the same)
        frames = traceback.extract_tb(error.__traceback__)[-3:]
        where = ", ".join(f"{Path(frame.filename).name}:{frame.lineno}" for frame in frames)
        finding = f"{type(error).__name__}: {str(error)[:300]} at {where}"
    print(f"FAILED {name}: {finding}" if finding else f"ok     {name}", flush=True)
    return finding
