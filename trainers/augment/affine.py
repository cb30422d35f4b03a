"""Shear, translation and rotation of whole batches: one resampling, a matrix a sample."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.augment.levels import cut

__all__ = [
    "affine",
    "rotate",
    "shear_x",
    "shear_y",
    "translate_x",
    "translate_y",
]


def affine(images: Tensor, matrices: Tensor) -> Tensor:
    """Resample `images` (n, C, H, W), uint8, to the nearest pixel, filling with 0.

    `matrices` (n, 2, 3) take an output place, in pixels from the centre, to its source.
    """
    (height, width), device = images.shape[2:], images.device
    x = torch.arange(width, device=device) - (width - 1) / 2
    y = torch.arange(height, device=device) - (height - 1) / 2
    positions = torch.stack([part.expand(height, width) for part in (x, y[:, None], x.new_ones(1))])
    half = torch.tensor([width / 2, height / 2])
    to_source = (matrices.float() / half[:, None]).to(device, non_blocking=True)
    grid = (to_source @ positions.flatten(1)).view(-1, 2, height, width).permute(0, 2, 3, 1)
    # A source is one level or 0, so that the result is whole.
    return cut(
        F.grid_sample(
            images.float(), grid, mode="nearest", padding_mode="zeros", align_corners=False
        )
    )


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
