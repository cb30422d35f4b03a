"""Some images of a split: which, and as a split of their own."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.utils.data import Dataset, Subset

from darkmagic.trainers.data.base import Split

__all__ = ["read", "select", "spread"]


def spread(total: int, count: int) -> Tensor:
    """Return at most `count` different indices below `total`, int64, evenly spread, in order."""
    return torch.linspace(0, total - 1, min(total, count)).long()


def select(split: Split, indices: Tensor) -> Split:
    """Return the images of `split` at `indices` (n,), int64; those of files are not read yet.

    Those of memory that follow one another are a view of it, so that what processes share they
    share still, and others are a copy.
    """
    groups = None if split.groups is None else split.groups[indices]
    if isinstance(split.images, Tensor):
        if len(indices) and torch.equal(indices, torch.arange(len(indices)) + indices[0]):
            span = slice(int(indices[0]), int(indices[-1]) + 1)
            return Split(split.images[span], split.targets[span], groups)
        return Split(split.images[indices], split.targets[indices], groups)
    subset: Dataset[Tensor] = Subset(split.images, indices.tolist())
    return Split(subset, split.targets[indices], groups)


def read(split: Split, indices: Tensor) -> Split:
    """Return the images of `split` at `indices` (n,), int64, read into memory."""
    images = split.images
    if isinstance(images, Tensor):
        return Split(images[indices], split.targets[indices])
    read_now = torch.stack([images[int(index)] for index in indices])
    return Split(read_now, split.targets[indices])
