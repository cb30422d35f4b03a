"""Whether the images come in another order every epoch, and mixed."""

from __future__ import annotations

from itertools import islice

import torch
from torch import Tensor

from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.setup import Setup

__all__ = ["check_order", "judge_order", "mixedness"]

MEMORY_IMAGES = 2048  # of an epoch, of sets that are in memory
FILE_IMAGES = 256  # of an epoch, of sets that are read from files
MIN_MIXEDNESS = 0.6  # of the classes that a batch would have by chance


def mixedness(classes: Tensor, batch_size: int, counts: Tensor) -> float:
    """Return how many different classes batches of `classes` (N,) have, in parts of what draws
    from `counts` images a class (K,) would give: about 1 where they are mixed.
    """
    size = min(batch_size, len(classes))
    shares = counts.double() / counts.sum()
    expected = float((1 - (1 - shares) ** size).sum())
    batches = [batch for batch in torch.split(classes, size) if len(batch) == size]
    found = [int((torch.bincount(batch) > 0).sum()) for batch in batches]
    return sum(found) / len(found) / expected


def check_order(setup: Setup) -> Finding:
    """Compare the classes of two epochs' batches, as the pipeline hands them out."""
    memory = isinstance(setup.data.train.images, Tensor)
    size = setup.recipe.batch_size
    pipeline = setup.pipeline(setup.quiet_hooks())
    images = MEMORY_IMAGES if memory else FILE_IMAGES
    steps = min(pipeline.steps_per_epoch, max(2, images // size))
    epochs = [
        torch.cat([t.argmax(1).cpu() for _, t in islice(pipeline.training_epoch(epoch), steps)])
        for epoch in range(2)
    ]
    targets = setup.data.train.targets  # of several labels the first, as of the batches
    first = targets.argmax(1) if targets.ndim == 2 else targets
    counts = torch.bincount(first, minlength=len(setup.data.classes))
    return judge_order(*epochs, batch_size=size, counts=counts)


def judge_order(first: Tensor, second: Tensor, *, batch_size: int, counts: Tensor) -> Finding:
    """Judge the classes (N,) of two epochs, in their order, of a set with `counts` (K,)."""
    mixed = mixedness(first, batch_size, counts)
    same = torch.equal(first, second)
    figures = {"mixedness": mixed, "same": same}
    often = " and the same in two epochs" if same else ""
    if mixed < MIN_MIXEDNESS:
        seen = f"sorted by class{often}: batches have {mixed:.0%} of the classes they should"
        return Finding("order", Level.STOP, seen, "shuffle the training images", figures)
    if same:
        seen = "never shuffled: two epochs have the same order"
        advice = "shuffle anew every epoch: batches that never change teach their mix"
        return Finding("order", Level.WARNING, seen, advice, figures)
    return Finding("order", Level.OK, "differs between epochs, classes mixed", figures=figures)
