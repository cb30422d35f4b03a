"""Shear, translation and rotation of whole batches: one resampling, a matrix a sample."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

__all__ = [
    "affine",
    "find_sources",
    "rotate",
    "shear_x",
    "shear_y",
    "take_sources",
    "translate_x",
    "translate_y",
]


def affine(images: Tensor, matrices: Tensor) -> Tensor:
    """Resample `images` (n, C, H, W), uint8, to the nearest pixel, filling with 0.

    `matrices` (n, 2, 3) take an output place, in pixels from the centre, to its source.
    """
    return take_sources(images, find_sources(matrices, images))


def take_sources(images: Tensor, sources: Tensor) -> Tensor:
    """Return `images` (n, C, H, W), uint8, with each pixel from its place in `sources`.

    `sources` is int64 (n, H * W): places in a flat image, from 1; 0 is black.
    """
    framed = F.pad(images.flatten(2), (1, 0))
    return framed.gather(2, sources[:, None].expand(-1, images.shape[1], -1)).view_as(images)


def find_sources(matrices: Tensor, images: Tensor) -> Tensor:
    """Return what `take_sources` takes, (m, H * W), for each of `matrices` (m, 2, 3).

    Places themselves are sampled, so that they round as torch rounds; in float32 they are exact
    up to 2**24 pixels.
    """
    (height, width), device = images.shape[2:], images.device
    x = torch.arange(width, device=device) - (width - 1) / 2
    y = torch.arange(height, device=device) - (height - 1) / 2
    positions = torch.stack(
        [
            x.expand(height, width),
            y[:, None].expand(height, width),
            torch.ones_like(y[:, None] + x),
        ],
        dim=-1,
    )
    half = torch.tensor([width / 2, height / 2])
    to_source = (matrices.float().transpose(1, 2) / half).to(device, non_blocking=True)
    grid = (positions.view(1, -1, 3) @ to_source).view(-1, height, width, 2)
    pixels = torch.arange(1, height * width + 1, dtype=torch.float32, device=device)
    pixels = pixels.view(1, 1, height, width).expand(len(grid), -1, -1, -1)
    sampled = F.grid_sample(pixels, grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return sampled.round_().long().flatten(1)


def _identity(like: Tensor) -> Tensor:
    """Return a matrix (n, 2, 3) for each of `like` (n,) that changes nothing."""
    return torch.eye(2, 3, dtype=torch.float64).repeat(len(like), 1, 1)


def shear_x(magnitude: Tensor, size: tuple[int, int]) -> Tensor:
    """Return matrices that shift rows by `magnitude` (n,) times their y, measured from the top."""
    matrices = _identity(magnitude)
    matrices[:, 0, 1] = magnitude
    matrices[:, 0, 2] = magnitude * size[0] / 2
    return matrices


def shear_y(magnitude: Tensor, size: tuple[int, int]) -> Tensor:
    """Return matrices that shift columns by `magnitude` (n,) times their x, from the left."""
    matrices = _identity(magnitude)
    matrices[:, 1, 0] = magnitude
    matrices[:, 1, 2] = magnitude * size[1] / 2
    return matrices


def translate_x(magnitude: Tensor, size: tuple[int, int]) -> Tensor:
    """Return matrices that move images right by `magnitude` (n,) pixels, cut to whole ones."""
    del size
    matrices = _identity(magnitude)
    matrices[:, 0, 2] = -magnitude.trunc()
    return matrices


def translate_y(magnitude: Tensor, size: tuple[int, int]) -> Tensor:
    """Return matrices that move images down by `magnitude` (n,) pixels, cut to whole ones."""
    del size
    matrices = _identity(magnitude)
    matrices[:, 1, 2] = -magnitude.trunc()
    return matrices


def rotate(magnitude: Tensor, size: tuple[int, int]) -> Tensor:
    """Return matrices that turn images by `magnitude` (n,) degrees, against the clock."""
    del size
    angle = torch.deg2rad(-magnitude)
    matrices = _identity(magnitude)
    matrices[:, 0, 0] = matrices[:, 1, 1] = angle.cos()
    matrices[:, 0, 1] = angle.sin()
    matrices[:, 1, 0] = -angle.sin()
    return matrices
