"""Statistics of a training split."""

from __future__ import annotations

import torch
from torch import Tensor

from darkmagic.trainers.data.base import Split
from darkmagic.trainers.data.select import read, spread

__all__ = ["channel_stats", "commonest_share", "sample_images"]

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
    """Return what always naming the commonest class of `split` gets right, in [0, 1]."""
    return int(torch.bincount(split.targets).max()) / len(split)
