"""Operations that map grey levels to grey levels, whole batches at once.

Each takes images (n, C, H, W), uint8, and magnitudes (n,), float64, and returns images, uint8.
Their definitions are PIL's, as torchvision gives them for tensors.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = [
    "autocontrast",
    "brightness",
    "contrast",
    "cut",
    "equalize",
    "grey",
    "invert",
    "per_sample",
    "posterize",
    "solarize",
]

LEVELS = 256


def grey(images: Tensor) -> Tensor:
    """Return luma (n, 1, H, W), float32 and whole, by ITU-R 601 weights; grey images' own levels."""
    if images.shape[1] == 1:
        return images.float()
    red, green, blue = images.unbind(1)
    return (0.2989 * red).add_(0.587 * green).add_(0.114 * blue).floor_()[:, None]


def per_sample(values: Tensor, images: Tensor, dtype: torch.dtype = torch.float32) -> Tensor:
    """Return `values` (n,) as `dtype` (n, 1, 1, 1), beside `images`."""
    return values.to(dtype).to(images.device, non_blocking=True).view(-1, 1, 1, 1)


def cut(values: Tensor) -> Tensor:
    """Return `values`, float32 within +-32767, without their fractions, cut to 0..255, as uint8."""
    if values.device.type == "cpu":
        values = values.short()  # with it, half the time of float32 to uint8
    return values.clamp_(0, LEVELS - 1).to(torch.uint8)


def brightness(images: Tensor, magnitude: Tensor) -> Tensor:
    """Multiply by `1 + magnitude`."""
    return cut(per_sample(1 + magnitude, images) * images)


def contrast(images: Tensor, magnitude: Tensor) -> Tensor:
    """Multiply the distance to the mean luma by `1 + magnitude`."""
    mean = grey(images).mean((1, 2, 3), keepdim=True)
    factor = 1 + magnitude
    rest = per_sample(1 - factor, images) * mean
    return cut((per_sample(factor, images) * images).add_(rest))


def posterize(images: Tensor, magnitude: Tensor) -> Tensor:
    """Keep the highest `magnitude` bits."""
    mask = LEVELS - 2 ** (8 - magnitude.long())
    return images & per_sample(mask, images, torch.uint8)


def solarize(images: Tensor, magnitude: Tensor) -> Tensor:
    """Invert levels of `magnitude` and above."""
    # An inverted level has every bit changed; a comparison in place stays uint8, which is many
    # times as fast on a CPU as one that makes booleans.
    bright = images.clone().ge_(per_sample(magnitude.ceil(), images, torch.uint8))
    return bright.neg_().bitwise_xor_(images)


def invert(images: Tensor, magnitude: Tensor) -> Tensor:
    """Invert every level."""
    del magnitude
    return images.bitwise_not()


def autocontrast(images: Tensor, magnitude: Tensor) -> Tensor:
    """Stretch each channel to the full range."""
    del magnitude
    lowest = images.amin((2, 3), keepdim=True).float()
    highest = images.amax((2, 3), keepdim=True).float()
    flat = highest == lowest
    scale = torch.where(flat, 1.0, (LEVELS - 1) / (highest - lowest).clamp_min(1))
    return cut((images - torch.where(flat, 0.0, lowest)).mul_(scale))


def equalize(images: Tensor, magnitude: Tensor) -> Tensor:
    """Even out each channel's histogram."""
    del magnitude
    planes = images.shape[0] * images.shape[1]
    first = torch.arange(0, planes * LEVELS, LEVELS, dtype=torch.int32, device=images.device)
    indices = images.int().view(planes, -1).add_(first[:, None]).view(-1)
    # Whole numbers below 2**24, and their quotients rounded down, are exact in float32.
    counts = _histogram(indices, planes * LEVELS).view(planes, LEVELS).float()
    darker = counts.cumsum(1) - counts
    brightest = images.amax((2, 3)).view(planes, 1)
    step = (darker.gather(1, brightest.long()) / (LEVELS - 1)).floor_()
    spread = ((darker + (step / 2).floor_()) / step.clamp_min(1)).floor_()
    levels = torch.arange(LEVELS, dtype=torch.float32, device=images.device)
    tables = cut(torch.where(step == 0, levels, spread))
    return tables.view(-1).index_select(0, indices).view_as(images)


def _histogram(indices: Tensor, bins: int) -> Tensor:
    """Count each of `indices` (m,), int32; a GPU's `bincount` would wait for its largest."""
    if indices.device.type == "cpu":
        return torch.bincount(indices, minlength=bins)
    counts = torch.zeros(bins, dtype=torch.int64, device=indices.device)
    return counts.index_add_(0, indices, torch.ones_like(indices, dtype=torch.int64))
