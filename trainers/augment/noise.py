"""Noise on whole uint8 batches, drawn a pixel.

Each kind is a draw on the CPU, of tensors with a row an image, and what the draw does to images.
"""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = [
    "add_noise",
    "apply_kept",
    "apply_noise",
    "apply_shift",
    "draw_kept",
    "draw_noise",
    "draw_shift",
    "drop_pixels",
    "shift_channels",
]


def add_noise(images: Tensor, std: float, rng: torch.Generator) -> Tensor:
    """Add Gaussian noise of `std` grey levels to `images` (n, C, H, W), uint8 in and out.

    Draws come from `rng`, one a pixel and channel; levels stay in 0..255.

    >>> images = torch.full((1, 1, 2, 4), 100, dtype=torch.uint8)
    >>> add_noise(images, std=16, rng=torch.Generator().manual_seed(0))[0, 0]
    tensor([[125,  95,  65, 109],
            [ 83,  78, 106, 113]], dtype=torch.uint8)
    """
    return apply_noise(images, draw_noise(images.shape, std, rng))


def draw_noise(shape: tuple[int, ...], std: float, rng: torch.Generator) -> Tensor:
    """Return grey levels to add to images of `shape`, float32."""
    return torch.randn(shape, generator=rng) * std


def apply_noise(images: Tensor, noise: Tensor) -> Tensor:
    """Add `noise`, as `draw_noise` returns it, to `images` of the same shape."""
    noisy = images + noise.to(images.device, non_blocking=True)
    return noisy.round().clamp(0, 255).to(torch.uint8)


def drop_pixels(images: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Blacken each pixel of `images` (n, C, H, W), all channels at once, with chance `share`.

    >>> images = torch.full((1, 1, 2, 4), 100, dtype=torch.uint8)
    >>> drop_pixels(images, share=0.5, rng=torch.Generator().manual_seed(0))[0, 0]
    tensor([[  0, 100,   0,   0],
            [  0, 100,   0, 100]], dtype=torch.uint8)
    """
    return apply_kept(images, draw_kept(images.shape, share, rng))


def draw_kept(shape: tuple[int, ...], share: float, rng: torch.Generator) -> Tensor:
    """Return which pixels of images of `shape` (n, C, H, W) stay, bool (n, 1, H, W)."""
    return torch.rand(shape[0], 1, *shape[2:], generator=rng) >= share


def apply_kept(images: Tensor, kept: Tensor) -> Tensor:
    """Blacken the pixels of `images` for which `kept` is false."""
    return images * kept.to(images.device, non_blocking=True)


def shift_channels(images: Tensor, most: float, rng: torch.Generator) -> Tensor:
    """Add to each channel of `images` (n, C, H, W), uint8, a whole number of grey levels.

    Drawn evenly from -`most` to `most`, one a sample and channel.

    >>> images = torch.full((2, 3, 1, 1), 100, dtype=torch.uint8)
    >>> shift_channels(images, 25, torch.Generator().manual_seed(0)).flatten(1)
    tensor([[100, 113,  79],
            [ 82,  90, 107]], dtype=torch.uint8)
    """
    return apply_shift(images, draw_shift(images.shape, most, rng))


def draw_shift(shape: tuple[int, ...], most: float, rng: torch.Generator) -> Tensor:
    """Return grey levels to add to the channels of images of `shape`, float32 (n, C, 1, 1)."""
    drawn = torch.rand(*shape[:2], 1, 1, generator=rng)
    return ((2 * drawn - 1) * most).round()


def apply_shift(images: Tensor, shift: Tensor) -> Tensor:
    """Add `shift`, as `draw_shift` returns it, to `images`."""
    moved = images + shift.to(images.device, non_blocking=True)
    return moved.clamp(0, 255).to(torch.uint8)
