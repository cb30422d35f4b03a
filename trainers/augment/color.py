"""Colour jitter of whole batches: brightness, contrast and saturation, a factor a sample."""

from __future__ import annotations

import torch
from torch import Tensor

from darkmagic.trainers.augment import levels
from darkmagic.trainers.augment.blend import color

__all__ = ["color_jitter", "draw_jitter", "jitter"]


def color_jitter(
    images: Tensor,
    rng: torch.Generator,
    *,
    brightness: float,
    contrast: float,
    saturation: float,
) -> Tensor:
    """Change `images` (n, C, H, W), uint8, by factors drawn from [1 - s, 1 + s], s each of the
    strengths, in the order of the arguments. Grey images have no saturation to change.

    >>> images = torch.full((4, 1, 1, 1), 100, dtype=torch.uint8)
    >>> jittered = color_jitter(
    ...     images, torch.Generator().manual_seed(0), brightness=0.4, contrast=0.0, saturation=0.0
    ... )
    >>> jittered.flatten()
    tensor([137, 116,  96, 133], dtype=torch.uint8)
    """
    return jitter(images, *draw_jitter(len(images), rng, (brightness, contrast, saturation)))


def draw_jitter(
    count: int, rng: torch.Generator, strengths: tuple[float, float, float]
) -> tuple[Tensor, ...]:
    """Return, for `count` images, by how much to change each of three factors: float64 (count,)."""
    return tuple(
        (2 * torch.rand(count, generator=rng, dtype=torch.float64) - 1) * strength
        for strength in strengths
    )


def jitter(images: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor) -> Tensor:
    """Change `images` (n, C, H, W), uint8, by factors of 1 and what is given of each image."""
    images = levels.brightness(images, brightness)
    images = levels.contrast(images, contrast)
    return color(images, saturation)
