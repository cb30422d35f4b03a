"""Operations that map grey levels to grey levels, whole batches at once.

Each takes images (n, C, H, W), uint8, and magnitudes (n,), float64, or one number for all of them,
which spares a CPU many small tensors, and returns images, uint8.
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
PAIRS = 2**15
"""Pixels a plane from which a table of all pairs of levels pays on a CPU."""


def grey(images: Tensor) -> Tensor:
    """Return luma (n, 1, H, W), whole, float32 for float32, by ITU-R 601 weights."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    return (0.2989 * red).add_(0.587 * green).add_(0.114 * blue).floor_()[:, None]


def per_sample(
    values: Tensor | float, images: Tensor, dtype: torch.dtype = torch.float32
) -> Tensor | float:
    """Return `values` (n,) as `dtype` (n, 1, 1, 1), beside `images`; a number as a number."""
    if isinstance(values, Tensor):
        return values.to(dtype).to(images.device, non_blocking=True).view(-1, 1, 1, 1)
    return values if dtype.is_floating_point else int(values)


def cut(values: Tensor) -> Tensor:
    """Return `values`, float32 within +-32767, without their fractions, cut to 0..255, as uint8."""
    if values.device.type == "cpu":
        values = values.short()  # with it, half the time of float32 to uint8
    return values.clamp_(0, LEVELS - 1).to(torch.uint8)


def brightness(images: Tensor, magnitude: Tensor | float) -> Tensor:
    """Multiply by `1 + magnitude`."""
    return cut(images.float().mul_(per_sample(1 + magnitude, images)))


def contrast(images: Tensor, magnitude: Tensor | float) -> Tensor:
    """Multiply the distance to the mean luma by `1 + magnitude`."""
    values = images.float()
    mean = grey(values).mean((1, 2, 3), keepdim=True)
    factor = 1 + magnitude
    rest = per_sample(1 - factor, images) * mean
    return cut(values.mul_(per_sample(factor, images)).add_(rest))


def posterize(images: Tensor, magnitude: Tensor | float) -> Tensor:
    """Keep the highest `magnitude` bits."""
    mask = LEVELS - 2 ** (8 - magnitude // 1)
    return images & per_sample(mask, images, torch.uint8)


def solarize(images: Tensor, magnitude: Tensor | float) -> Tensor:
    """Invert levels of `magnitude` and above."""
    # An inverted level has every bit changed; a comparison in place stays uint8, which is many
    # times as fast on a CPU as one that makes booleans.
    darkest = -(-magnitude // 1)  # rounded up
    bright = images.clone().ge_(per_sample(darkest, images, torch.uint8))
    return bright.neg_().bitwise_xor_(images)


def invert(images: Tensor, magnitude: Tensor | float) -> Tensor:
    """Invert every level."""
    del magnitude
    return images.bitwise_not()


def autocontrast(images: Tensor, magnitude: Tensor | float) -> Tensor:
    """Stretch each channel to the full range."""
    del magnitude
    lowest = images.amin((2, 3), keepdim=True).float()
    highest = images.amax((2, 3), keepdim=True).float()
    flat = highest == lowest
    scale = torch.where(flat, 1.0, (LEVELS - 1) / (highest - lowest).clamp_min(1))
    return cut(images.float().sub_(torch.where(flat, 0.0, lowest)).mul_(scale))


def equalize(images: Tensor, magnitude: Tensor | float) -> Tensor:
    """Even out each channel's histogram."""
    del magnitude
    planes = images.reshape(images.shape[0] * images.shape[1], -1)
    pixels = planes.shape[1]
    if planes.device.type == "cpu" and pixels >= PAIRS and _has_pairs(planes):
        counts = torch.stack([plane.bincount(minlength=LEVELS) for plane in planes])
        return _look_up_pairs(_evening(counts, pixels), planes).view_as(images)
    first = torch.arange(0, len(planes) * LEVELS, LEVELS, dtype=torch.int32, device=images.device)
    indices = planes.int().add_(first[:, None]).view(-1)
    counts = _histogram(indices, len(planes) * LEVELS).view(-1, LEVELS)
    tables = _evening(counts, pixels).to(torch.uint8)
    return tables.view(-1).index_select(0, indices).view_as(images)


def _evening(counts: Tensor, pixels: int) -> Tensor:
    """Return tables (p, 256), float32 in 0..255, that even out histograms `counts` (p, 256).

    A table's fractions are to be left out.
    """
    # Numbers below 2**23, their halves, and their quotients rounded down are exact in float32.
    seen = counts.cumsum(1, dtype=torch.float32)
    # All but the brightest level that occurs, from which on all pixels are seen.
    fewer = seen.remainder(pixels).amax(1, keepdim=True)
    step = fewer.div_(LEVELS - 1, rounding_mode="floor")
    spread = (seen - counts).add_(step, alpha=0.5).div_(step)
    levels = torch.arange(LEVELS, dtype=torch.float32, device=counts.device)
    return torch.where(step > 0, spread, levels).clamp_(max=LEVELS - 1)


def _has_pairs(planes: Tensor) -> bool:
    return bool(planes.shape[1] % 2 == 0 and planes.storage_offset() % 2 == 0)


def _look_up_pairs(tables: Tensor, planes: Tensor) -> Tensor:
    """Return `planes` (p, m), uint8, each by its own of `tables` (p, 256), two pixels at a time."""
    tables = tables.short()
    pairs = torch.add(tables[:, None, :], tables[:, :, None], alpha=LEVELS).view(-1)
    first = torch.arange(0, len(pairs), LEVELS**2, dtype=torch.int32)
    indices = planes.view(torch.uint16).int().add_(first[:, None]).view(-1)
    return pairs.index_select(0, indices).view(torch.uint8)


def _histogram(indices: Tensor, bins: int) -> Tensor:
    """Count each of `indices` (m,), int32; a GPU's `bincount` would wait for its largest."""
    if indices.device.type == "cpu":
        return torch.bincount(indices, minlength=bins)
    counts = torch.zeros(bins, dtype=torch.int64, device=indices.device)
    return counts.index_add_(0, indices, torch.ones_like(indices, dtype=torch.int64))
