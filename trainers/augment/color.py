"""Colour jitter of whole batches: brightness, contrast and saturation, a factor a sample."""

from __future__ import annotations

import torch
from torch import Tensor

from darkmagic.trainers.augment import levels
from darkmagic.trainers.augment.blend import color

__all__ = ["color_jitter"]


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

    def draw(strength: float) -> Tensor:
        return (2 * torch.rand(len(images), generator=rng, dtype=torch.float64) - 1) * strength

    by_brightness, by_contrast, by_saturation = map(draw, (brightness, contrast, saturation))
    images = levels.brightness(images, by_brightness)
    images = levels.contrast(images, by_contrast)
    return color(images, by_saturation)
