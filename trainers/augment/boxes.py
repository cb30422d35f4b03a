"""Rectangles drawn one a sample: to crop to, to erase, to paste.

Boxes are int64 (n, 4) on the CPU: top, left, height, width.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["crop_boxes", "erase_boxes", "inside"]

TRIES = 10  # as in torchvision


def crop_boxes(
    count: int,
    size: tuple[int, int],
    rng: torch.Generator,
    area: tuple[float, float],
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
) -> Tensor:
    """Draw `count` boxes in images of `size` (H, W), of shares `area` and aspect `ratio` (w / h).

    Areas are drawn evenly, ratios evenly in their logarithm. Where no try fits, the box is
    the largest in the middle whose ratio is within `ratio`. Source: Szegedy et al. 2015
    (arXiv 1409.4842), section 6.
    """
    height, width = size
    sides, fits = _draw_sides(count, size, rng, area, ratio)
    largest = torch.tensor(
        [min(height, round(width / ratio[0])), min(width, round(height * ratio[1]))]
    )
    sides = torch.where(fits[:, None], sides, largest)
    corners = _draw_corners(sides, size, rng)
    middle = (torch.tensor(size) - largest) // 2
    return torch.cat([torch.where(fits[:, None], corners, middle), sides], 1)


def erase_boxes(
    count: int,
    size: tuple[int, int],
    rng: torch.Generator,
    area: tuple[float, float],
    ratio: tuple[float, float],
) -> Tensor:
    """Draw `count` boxes smaller than images of `size` both ways; empty where no try fits."""
    sides, fits = _draw_sides(count, size, rng, area, ratio, smaller=True)
    sides = torch.where(fits[:, None], sides, 0)
    return torch.cat([_draw_corners(sides, size, rng), sides], 1)


def inside(boxes: Tensor, size: tuple[int, int], device: torch.device) -> Tensor:
    """Return which pixels of images of `size` are inside each box: bool (n, 1, H, W)."""
    top, left, height, width = boxes.to(device, non_blocking=True)[:, :, None, None].unbind(1)
    y = torch.arange(size[0], device=device)[None, :, None]
    x = torch.arange(size[1], device=device)[None, None, :]
    within = (y >= top) & (y < top + height) & (x >= left) & (x < left + width)
    return within[:, None]


def _draw_sides(
    count: int,
    size: tuple[int, int],
    rng: torch.Generator,
    area: tuple[float, float],
    ratio: tuple[float, float],
    *,
    smaller: bool = False,
) -> tuple[Tensor, Tensor]:
    """Return heights and widths (n, 2) of each sample's first try that fits, and whether any."""
    height, width = size
    share = area[0] + (area[1] - area[0]) * torch.rand(count, TRIES, generator=rng)
    low, high = torch.tensor(ratio, dtype=torch.float32).log().tolist()
    aspect = torch.exp(low + (high - low) * torch.rand(count, TRIES, generator=rng))
    pixels = share * height * width
    heights, widths = (pixels / aspect).sqrt().round(), (pixels * aspect).sqrt().round()
    most = torch.tensor([height, width]) - int(smaller)
    tries = torch.stack([heights, widths], 2).long()
    fits = ((tries > 0) & (tries <= most)).all(2)
    first = fits.int().argmax(1)
    return tries[torch.arange(count), first], fits.any(1)


def _draw_corners(sides: Tensor, size: tuple[int, int], rng: torch.Generator) -> Tensor:
    """Return tops and lefts (n, 2), evenly among those that keep the box inside."""
    positions = torch.tensor(size) - sides + 1
    return (torch.rand(len(sides), 2, generator=rng) * positions).long()
