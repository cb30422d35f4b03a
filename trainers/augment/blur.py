"""Gaussian blur of whole uint8 batches, a width a sample."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

__all__ = ["blur", "kernel_side"]


def kernel_side(size: tuple[int, int]) -> int:
    """Return the side of the kernel for images of `size`: a tenth of theirs, odd, 3 at least.

    Source: Chen et al. 2020, SimCLR (arXiv 2002.05709), appendix A.
    """
    return max(3, min(size) // 10 // 2 * 2 + 1)


def blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur each of `images` (n, C, H, W), uint8, by its own `sigma` (n,), in pixels.

    Edges are mirrored.

    >>> images = torch.zeros(1, 1, 5, 5, dtype=torch.uint8)
    >>> images[0, 0, 2, 2] = 250
    >>> blur(images, sigma=torch.tensor([0.5]))[0, 0, 2]
    tensor([  0,  21, 155,  21,   0], dtype=torch.uint8)
    """
    count, channels, height, width = images.shape
    half = kernel_side((height, width)) // 2
    offsets = torch.arange(-half, half + 1, device=images.device)
    deviation = sigma.to(images.device, torch.float32, non_blocking=True)[:, None]
    weights = torch.exp(-0.5 * (offsets / deviation) ** 2)
    weights = (weights / weights.sum(1, keepdim=True)).repeat_interleave(channels, 0)
    planes = F.pad(images.float(), (half,) * 4, mode="reflect").flatten(0, 1)[None]
    rows = F.conv2d(planes, weights[:, None, None, :], groups=count * channels)
    smooth = F.conv2d(rows, weights[:, None, :, None], groups=count * channels)
    return smooth.view(images.shape).round().to(torch.uint8)
