"""The share of the machine that one trial has, as its launcher tells it."""

from __future__ import annotations

import os

__all__ = [
    "PROCESSES",
    "THREADS",
    "processes_wanted",
    "take_share",
    "threads_of_this_trial",
    "usable_cores",
]

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


def take_share() -> None:
    """Have torch compute with the cores of this trial's share, where a launcher of ours gave one.

    A process that was forked before torch was imported has torch's own choice of threads until
    then: all cores, however many trials share them, or what OMP_NUM_THREADS says. Sums are split
    by threads, so its results would also differ in their last bits from those of other trials.
    """
    if share := os.environ.get(THREADS):
        import torch  # noqa: PLC0415 (a command's trial needs none)

        torch.set_num_threads(int(share))


def processes_wanted() -> int:
    """Return how many processes are to train this trial: one, or one a GPU."""
    return int(os.environ.get(PROCESSES) or 1)
