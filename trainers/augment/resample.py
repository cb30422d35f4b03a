"""Resizing of whole batches, all alike or each from its own box."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

__all__ = ["crop_middle", "resize", "resize_boxes"]


def resize(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize `images` (n, C, H, W), uint8 or float, to `size`, bilinear, smoothed to shrink.

    >>> images = torch.arange(0, 240, 15, dtype=torch.uint8).reshape(1, 1, 4, 4)
    >>> resize(images, (2, 2))[0, 0]
    tensor([[ 54,  77],
            [148, 171]], dtype=torch.uint8)
    """
    if tuple(images.shape[2:]) == size:
        return images
    resized = F.interpolate(images.float(), size, mode="bilinear", antialias=True)
    return resized if images.is_floating_point() else resized.round().to(images.dtype)


def crop_middle(images: Tensor, size: tuple[int, int]) -> Tensor:
    """Cut `size` (height, width) out of the middle of `images` (n, C, H, W), of any dtype.

    >>> images = torch.arange(0, 240, 15, dtype=torch.uint8).reshape(1, 1, 4, 4)
    >>> crop_middle(images, (2, 2))[0, 0]
    tensor([[ 75,  90],
            [135, 150]], dtype=torch.uint8)
    """
    height, width = size
    top, left = (round((a - b) / 2) for a, b in zip(images.shape[2:], size, strict=True))
    return images[:, :, top : top + height, left : left + width]


def resize_boxes(images: Tensor, boxes: Tensor) -> Tensor:
    """Crop each of `images` (n, C, H, W), uint8, to its box and resize that to (H, W), bilinear.

    `boxes` is int64 (n, 4): top, left, height, width.
    """
    height, width = images.shape[2:]
    on_device = boxes.to(images.device, non_blocking=True)
    y = _sources(on_device[:, 0], on_device[:, 2], height)
    x = _sources(on_device[:, 1], on_device[:, 3], width)
    grid = torch.stack(
        [
            (2 * x / max(width - 1, 1) - 1)[:, None, :].expand(-1, height, -1),
            (2 * y / max(height - 1, 1) - 1)[:, :, None].expand(-1, -1, width),
        ],
        dim=-1,
    )
    resized = F.grid_sample(images.float(), grid, padding_mode="border", align_corners=True)
    return resized.round().to(torch.uint8)


def _sources(start: Tensor, length: Tensor, count: int) -> Tensor:
    """Return where `count` even places of each interval lie, in pixels (n, count), inside it."""
    centres = (torch.arange(count, device=start.device) + 0.5) / count * length[:, None] - 0.5
    last = (length - 1)[:, None].to(centres.dtype)
    return start[:, None] + torch.minimum(centres.clamp_min(0), last)
