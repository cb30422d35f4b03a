"""Operations that mix an image with a version of itself."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.augment.levels import grey, per_sample

__all__ = ["blend", "color", "sharpness"]


def blend(images: Tensor, other: Tensor, factor: Tensor) -> Tensor:
    """Return `factor * images + (1 - factor) * other`, cut to 0..255, uint8.

    `factor` is float64 (n,): 0 gives `other`, 1 `images`, and beyond 1 away from `other`.
    """
    mixed = per_sample(factor, images) * images
    return mixed.add_(per_sample(1 - factor, images) * other).clamp_(0, 255).to(torch.uint8)


def color(images: Tensor, magnitude: Tensor) -> Tensor:
    """Multiply saturation by `1 + magnitude`; grey images stay."""
    return images if images.shape[1] == 1 else blend(images, grey(images), 1 + magnitude)


def sharpness(images: Tensor, magnitude: Tensor) -> Tensor:
    """Move away from (or, below 0, towards) a smoothed image by `magnitude`."""
    height, width = images.shape[2:]
    if min(height, width) <= 2:
        return images
    channels = images.shape[1]
    kernel = torch.ones(3, 3, device=images.device)
    kernel[1, 1] = 5
    weight = (kernel / kernel.sum()).expand(channels, 1, 3, 3)
    smooth = images.float()
    smooth[:, :, 1:-1, 1:-1] = F.conv2d(images.float(), weight, groups=channels).round()
    return blend(images, smooth, 1 + magnitude)
