"""The share of the cores that one trial has."""

from __future__ import annotations

import os

__all__ = ["THREADS", "threads_of_this_trial"]

THREADS = "DARKMAGIC_THREADS"
"""The environment variable with which the launcher tells a trial's process its share."""


def threads_of_this_trial() -> int:
    """Return how many cores this trial may use: its share, or all without a launcher of ours."""
    return int(os.environ.get(THREADS) or len(os.sched_getaffinity(0)))
