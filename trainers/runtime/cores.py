"""The share of the machine that one trial has, as its launcher tells it."""

from __future__ import annotations

import os

__all__ = ["PROCESSES", "THREADS", "processes_wanted", "threads_of_this_trial", "usable_cores"]

PROCESSES = "DARKMAGIC_PROCESSES"
"""The environment variable with the number of processes that are to train a trial together."""

THREADS = "DARKMAGIC_THREADS"
"""The environment variable with which the launcher tells a trial's process its share."""


def usable_cores() -> int:
    """Return how many cores this process may use; all of them where the system does not say."""
    if hasattr(os, "sched_getaffinity"):  # Linux
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def threads_of_this_trial() -> int:
    """Return how many cores this trial may use: its share, or all without a launcher of ours."""
    return int(os.environ.get(THREADS) or usable_cores())


def processes_wanted() -> int:
    """Return how many processes are to train this trial: one, or one a GPU."""
    return int(os.environ.get(PROCESSES) or 1)
