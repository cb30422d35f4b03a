"""Operations that map grey levels to grey levels: one table a sample and channel, one look-up.

Each function takes images (n, C, H, W), uint8, and magnitudes (n,), float64, and returns
tables (n, C, 256), uint8. Their definitions are PIL's, as torchvision gives them for tensors.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = [
    "apply_tables",
    "autocontrast",
    "brightness",
    "contrast",
    "equalize",
    "grey",
    "invert",
    "posterize",
    "solarize",
]


def apply_tables(images: Tensor, tables: Tensor) -> Tensor:
    """Look every pixel of `images` (n, C, H, W) up in `tables` (n, C, 256)."""
    return tables.gather(2, images.flatten(2).long()).view_as(images)


def grey(images: Tensor) -> Tensor:
    """Return luma (n, 1, H, W), uint8, by ITU-R 601 weights; a grey image is its own."""
    if images.shape[1] == 1:
        return images
    red, green, blue = images.unbind(1)
    return (0.2989 * red + 0.587 * green + 0.114 * blue).to(torch.uint8)[:, None]


def _levels(images: Tensor) -> Tensor:
    return torch.arange(256, device=images.device)


def _per_sample(magnitude: Tensor, images: Tensor) -> Tensor:
    return magnitude.to(images.device, torch.float32).view(-1, 1, 1)


def _spread(tables: Tensor, images: Tensor) -> Tensor:
    """Cut to 0..255 and repeat over the channels."""
    whole = tables.clamp(0, 255).to(torch.uint8)
    return whole.expand(len(images), images.shape[1], 256)


def brightness(images: Tensor, magnitude: Tensor) -> Tensor:
    """Multiply by `1 + magnitude`."""
    return _spread(_per_sample(1 + magnitude, images) * _levels(images), images)


def contrast(images: Tensor, magnitude: Tensor) -> Tensor:
    """Multiply the distance to the mean luma by `1 + magnitude`."""
    mean = grey(images).float().mean((1, 2, 3)).view(-1, 1, 1)
    factor = _per_sample(1 + magnitude, images)
    rest = _per_sample(1 - (1 + magnitude), images)
    return _spread(factor * _levels(images) + rest * mean, images)


def posterize(images: Tensor, magnitude: Tensor) -> Tensor:
    """Keep the highest `magnitude` bits."""
    mask = 256 - 2 ** (8 - magnitude.long())
    return _spread(_levels(images) & mask.to(images.device).view(-1, 1, 1), images)


def solarize(images: Tensor, magnitude: Tensor) -> Tensor:
    """Invert levels of `magnitude` and above."""
    levels = _levels(images)
    tables = torch.where(levels >= _per_sample(magnitude, images), 255 - levels, levels)
    return _spread(tables, images)


def invert(images: Tensor, magnitude: Tensor) -> Tensor:
    """Invert every level."""
    del magnitude
    return _spread((255 - _levels(images)).view(1, 1, 256), images)


def autocontrast(images: Tensor, magnitude: Tensor) -> Tensor:
    """Stretch each channel to the full range."""
    del magnitude
    lowest = images.amin((2, 3)).float()[:, :, None]
    highest = images.amax((2, 3)).float()[:, :, None]
    flat = highest == lowest
    scale = torch.where(flat, 1.0, 255 / (highest - lowest).clamp_min(1))
    return _spread((_levels(images) - torch.where(flat, 0.0, lowest)) * scale, images)


def equalize(images: Tensor, magnitude: Tensor) -> Tensor:
    """Even out each channel's histogram."""
    del magnitude
    levels = _levels(images)
    counts = torch.zeros(*images.shape[:2], 256, dtype=torch.int64, device=images.device)
    pixels = images.flatten(2).long()
    counts.scatter_add_(2, pixels, torch.ones_like(pixels))
    brightest = images.amax((2, 3)).long()[:, :, None]
    step = (pixels.shape[2] - counts.gather(2, brightest)) // 255
    below = counts.cumsum(2) - counts  # pixels darker than each level
    tables = (below + step // 2) // step.clamp_min(1)
    return _spread(torch.where(step == 0, levels, tables), images)
