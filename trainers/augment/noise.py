"""Noise on whole uint8 batches, drawn a pixel."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["add_noise", "drop_pixels", "shift_channels"]


def add_noise(images: Tensor, std: float, rng: torch.Generator) -> Tensor:
    """Add Gaussian noise of `std` grey levels to `images` (n, C, H, W), uint8 in and out.

    Draws come from `rng`, one a pixel and channel; levels stay in 0..255.

    >>> images = torch.full((1, 1, 2, 4), 100, dtype=torch.uint8)
    >>> add_noise(images, std=16, rng=torch.Generator().manual_seed(0))[0, 0]
    tensor([[125,  95,  65, 109],
            [ 83,  78, 106, 113]], dtype=torch.uint8)
    """
    noise = torch.randn(images.shape, generator=rng) * std
    noise = noise.to(images.device, non_blocking=True)
    return (images + noise).round().clamp(0, 255).to(torch.uint8)


def drop_pixels(images: Tensor, share: float, rng: torch.Generator) -> Tensor:
    """Blacken each pixel of `images` (n, C, H, W), all channels at once, with chance `share`.

    >>> images = torch.full((1, 1, 2, 4), 100, dtype=torch.uint8)
    >>> drop_pixels(images, share=0.5, rng=torch.Generator().manual_seed(0))[0, 0]
    tensor([[  0, 100,   0,   0],
            [  0, 100,   0, 100]], dtype=torch.uint8)
    """
    kept = torch.rand(len(images), 1, *images.shape[2:], generator=rng) >= share
    return images * kept.to(images.device, non_blocking=True)


def shift_channels(images: Tensor, most: float, rng: torch.Generator) -> Tensor:
    """Add to each channel of `images` (n, C, H, W), uint8, a whole number of grey levels.

    Drawn evenly from -`most` to `most`, one a sample and channel.

    >>> images = torch.full((2, 3, 1, 1), 100, dtype=torch.uint8)
    >>> shift_channels(images, 25, torch.Generator().manual_seed(0)).flatten(1)
    tensor([[100, 113,  79],
            [ 82,  90, 107]], dtype=torch.uint8)
    """
    drawn = torch.rand(*images.shape[:2], 1, 1, generator=rng)
    shift = ((2 * drawn - 1) * most).round().to(images.device, non_blocking=True)
    return (images + shift).clamp(0, 255).to(torch.uint8)
