"""Shear, translation and rotation of whole batches: one resampling, a matrix a sample."""

from __future__ import annotations

import functools

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
    # A cached tensor might be read on another stream of a GPU than the one that fills it.
    positions = (_cached_positions if device.type == "cpu" else _positions)(height, width, device)
    half = torch.tensor([[width / 2], [height / 2]])
    to_source = (matrices.float() / half).to(device, non_blocking=True)
    placed = _placed(to_source, positions) if device.type == "cpu" else to_source @ positions
    grid = placed.view(-1, 2, height, width).permute(0, 2, 3, 1)
    sampled = F.grid_sample(
        images.float(), grid, mode="nearest", padding_mode="zeros", align_corners=False
    )
    return cut(sampled)


def _placed(matrices: Tensor, positions: Tensor) -> Tensor:
    """Return `matrices @ positions`, (n, 2, H * W), each element by the same roundings.

    Products of matrices round by the processor's kernel for their sizes, and of a source between
    two pixels that decides which is taken: an image alone would differ from one in a batch.
    """
    x, y, _ = positions
    placed: Tensor = matrices[:, :, :1] * x
    placed += matrices[:, :, 1:2] * y
    placed += matrices[:, :, 2:]
    return placed


def _positions(height: int, width: int, device: torch.device) -> Tensor:
    """Return x, y and 1 (3, H * W), in pixels from the centre."""
    x, y = (torch.arange((1 - side) / 2, (1 + side) / 2, device=device) for side in (width, height))
    parts = x, y[:, None], x.new_ones(1)
    return torch.stack([part.expand(height, width) for part in parts]).flatten(1)


_cached_positions = functools.lru_cache(maxsize=4)(_positions)


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
