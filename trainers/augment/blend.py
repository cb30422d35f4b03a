"""Operations that mix an image with a version of itself."""

from __future__ import annotations

from torch import Tensor

from darkmagic.trainers.augment.levels import cut, grey, per_sample

__all__ = ["blend", "color", "sharpness"]


def blend(values: Tensor, other: Tensor, factor: Tensor | float) -> Tensor:
    """Return `factor * values + (1 - factor) * other`, cut to 0..255, uint8.

    `values`, float32, is overwritten. `factor` is float64 (n,), or one number for all: 0 gives
    `other`, 1 `values`, and beyond 1 away from `other`.
    """
    rest = per_sample(1 - factor, values) * other
    return cut(values.mul_(per_sample(factor, values)).add_(rest))


def color(images: Tensor, magnitude: Tensor | float) -> Tensor:
    """Multiply saturation by `1 + magnitude`; grey images stay."""
    if images.shape[1] == 1:
        return images
    values = images.float()
    return blend(values, grey(values), 1 + magnitude)


def sharpness(images: Tensor, magnitude: Tensor | float) -> Tensor:
    """Move away from (or, below 0, towards) a smoothed image by `magnitude`."""
    height, width = images.shape[2:]
    if min(height, width) <= 2:
        return images
    smooth = images.float()
    # A weight of 1 for the neighbours and of 5 in the middle: a row's three, then three rows.
    across = smooth[:, :, :, :-2] + smooth[:, :, :, 1:-1]
    across.add_(smooth[:, :, :, 2:])
    total = across[:, :, :-2] + across[:, :, 1:-1]
    middle = smooth[:, :, 1:-1, 1:-1]
    total.add_(across[:, :, 2:]).add_(middle, alpha=4)
    middle.copy_(total.div_(13).round_())
    return blend(images.float(), smooth, 1 + magnitude)
