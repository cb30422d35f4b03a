"""Statistics of a training split."""

from __future__ import annotations

import torch
from torch import Tensor

from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.splits.select import read, spread

__all__ = ["channel_stats", "class_counts", "commonest_share", "describe_sizes", "sample_images"]

MAX_COUNTED = 12  # classes, in a phrase
SAMPLE = 4096  # images settle a channel's mean to three digits


def sample_images(split: Split, most: int) -> Tensor:
    """Return at most `most` images, uint8 (n, C, H, W), spread evenly over the split."""
    images = read(split, spread(len(split), most)).images
    assert isinstance(images, Tensor)
    return images


def channel_stats(split: Split) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Return mean and standard deviation a channel, in [0, 1], the latter above 0.

    Taken over at most `SAMPLE` images.
    """
    images = sample_images(split, SAMPLE)
    pixels = images.double().div_(255).transpose(0, 1).flatten(1)  # channels first
    mean = pixels.mean(1)
    std = pixels.std(1, unbiased=False).clamp_min(1 / 255)
    return tuple(mean.tolist()), tuple(std.tolist())


def commonest_share(split: Split) -> float:
    """Return what always naming the commonest class of `split` gets right, in [0, 1].

    Of images with several labels, it is the commonest set of labels.
    """
    return int(torch.unique(split.targets, dim=0, return_counts=True)[1].max()) / len(split)


def describe_sizes(data: Data) -> str:
    """Return how many images each split has, and each class of train, in a phrase."""
    parts = {"train": data.train, "val": data.val, "test": data.test}
    sizes = ", ".join(f"{split} {len(part):,}" for split, part in parts.items())
    counts = class_counts(data.train.targets, len(data.classes)).tolist()
    counted = [f"{name} {count:,}" for name, count in zip(data.classes, counts, strict=True)]
    more = f" and {len(counted) - MAX_COUNTED} more" if len(counted) > MAX_COUNTED else ""
    kind = "labels" if data.multilabel else "classes"
    listed = ", ".join(counted[:MAX_COUNTED]) + more
    return f"{sizes} images; {len(data.classes)} {kind} in train: {listed}"


def class_counts(targets: Tensor, classes: int) -> Tensor:
    """Return how many images have each class (K,), int64, of `targets` (N,) or (N, K)."""
    if targets.ndim == 2:
        return targets.sum(0, dtype=torch.int64)
    return torch.bincount(targets, minlength=classes)
