"""The largest memory that processes had, where the system says it."""

from __future__ import annotations

import importlib
import sys

__all__ = ["peak_bytes_of_children", "peak_bytes_of_process"]


def peak_bytes_of_process() -> int:
    """Return the largest resident set of this process so far; 0 on Windows, which does not say."""
    return _peak_bytes("RUSAGE_SELF")


def peak_bytes_of_children() -> int:
    """Return the largest resident set of a child that has ended; 0 on Windows."""
    return _peak_bytes("RUSAGE_CHILDREN")


def _peak_bytes(whose: str) -> int:
    try:
        resource = importlib.import_module("resource")  # which Windows has not
    except ModuleNotFoundError:
        return 0
    largest: int = resource.getrusage(getattr(resource, whose)).ru_maxrss
    return largest if sys.platform == "darwin" else 1024 * largest  # bytes there, kilobytes here
