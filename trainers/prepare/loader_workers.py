"""How many processes read the images of a trial that are not in memory."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from darkmagic.trainers.data.base import Data
from darkmagic.trainers.runtime.cores import threads_of_this_trial, usable_cores
from darkmagic.trainers.runtime.memory import available_memory_bytes

__all__ = ["Loaders", "choose_loaders"]

MOST = 16
"""Beyond which more processes wait for the disk and for one another."""
PROCESS_BYTES = 100 * 2**20
"""Of one process beside its batches: what it writes to of what it shares with the trial's own."""
MEMORY_SHARE = 0.5
"""Of the memory that is free: the rest is the system's, which keeps the files in it."""
BATCHES = 2
"""That each process has ready."""


class Loaders(NamedTuple):
    """So many processes read each split, because of `why`; empty where none is needed."""

    workers: int
    why: str = ""


def choose_loaders(
    data: Data,
    device: torch.device,
    batches: tuple[int, int],
    asked: int | None = None,
    *,
    memory: int | None = None,
) -> Loaders:
    """Return how many processes read the splits of `data` in `batches` of training and validation.

    As many as are `asked` for, or else as the trial's share of cores and of `memory` (what is free
    now) allow. On a GPU one core is the trial's own, and on a CPU half of them train; one process
    there is in any case, as it waits for the disk while the trial computes.

    >>> from darkmagic.trainers.data import Shapes
    >>> choose_loaders(Shapes(count=40).load(split_seed=0), torch.device("cpu"), (8, 8))
    Loaders(workers=0, why='')
    """
    if all(isinstance(split.images, Tensor) for split in (data.train, data.val, data.test)):
        return Loaders(0)
    if asked is not None:
        return Loaders(asked, f"{_read_by(asked)}: runtime.workers={asked}")
    share, cores = threads_of_this_trial(), usable_cores()
    trials = max(1, cores // share)
    by_cores = min(MOST, max(1, share - 1 if device.type == "cuda" else share // 2))
    free = available_memory_bytes() if memory is None else memory
    if free is None:
        fit = by_cores
    else:
        image = data.channels * data.size[0] * data.size[1]
        each = 2 * PROCESS_BYTES + BATCHES * sum(batches) * image  # of train and of val
        fit = int(MEMORY_SHARE * free / trials / each)
    workers = min(by_cores, fit)
    why = f"{_read_by(workers)}: {share} of {cores} cores are this trial's"
    if fit < by_cores and free is not None:
        why += f", and {free / 2**30:.1f} GiB of memory are free for {trials} at once"
    return Loaders(workers, why)


def _read_by(workers: int) -> str:
    if not workers:
        return "the trial's own process reads the images"
    return f"{workers} {'process reads' if workers == 1 else 'processes read'} the images"
