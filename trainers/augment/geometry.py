"""Random crops and flips of whole uint8 batches."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

__all__ = ["crop_batches", "flip_batches", "random_crop", "random_flip"]


def random_crop(images: Tensor, pad: int, rng: torch.Generator) -> Tensor:
    """Shift each of `images` (B, C, H, W) by up to `pad` pixels each way, filling with 0.

    The same as padding and cropping back to size.

    >>> images = torch.arange(0, 240, 15, dtype=torch.uint8).reshape(1, 1, 4, 4)
    >>> random_crop(images, pad=1, rng=torch.Generator().manual_seed(0))[0, 0]
    tensor([[  0,  60,  75,  90],
            [  0, 120, 135, 150],
            [  0, 180, 195, 210],
            [  0,   0,   0,   0]], dtype=torch.uint8)
    """
    return crop_batches(images, pad, rng, [len(images)])


def crop_batches(images: Tensor, pad: int, rng: torch.Generator, sizes: Sequence[int]) -> Tensor:
    """Return the images of batches of `sizes`, joined, as `random_crop` leaves each of them."""
    if pad == 0:
        return images
    count, channels, height, width = images.shape
    draws = [torch.randint(0, 2 * pad + 1, (2, size), generator=rng) for size in sizes]
    down, right = torch.cat(draws, 1).to(images.device, non_blocking=True)[:, :, None]
    framed = F.pad(images.permute(0, 2, 3, 1), (0, 0, pad, pad, pad, pad)).contiguous()
    # Rows of a cropped image lie in one piece with their channels last: every place where such a
    # piece can start, of which each row takes one.
    pieces = framed.view(-1).unfold(0, width * channels, channels)
    top = torch.arange(0, count * (height + 2 * pad), height + 2 * pad, device=images.device)
    rows = top[:, None] + down + torch.arange(height, device=images.device)
    starts = rows * (width + 2 * pad) + right
    cropped = pieces.index_select(0, starts.view(-1)).view(count, height, width, channels)
    return cropped.permute(0, 3, 1, 2)


def random_flip(images: Tensor, rng: torch.Generator) -> Tensor:
    """Mirror each of `images` (B, C, H, W), uint8, left to right with probability 1/2.

    >>> images = torch.tensor([[1, 2], [1, 2]], dtype=torch.uint8).reshape(2, 1, 1, 2)
    >>> random_flip(images, torch.Generator().manual_seed(0)).flatten(1)
    tensor([[2, 1],
            [1, 2]], dtype=torch.uint8)
    """
    return flip_batches(images, rng, [len(images)])


def flip_batches(images: Tensor, rng: torch.Generator, sizes: Sequence[int]) -> Tensor:
    """Return the images of batches of `sizes`, joined, as `random_flip` leaves each of them."""
    mirrored = torch.cat([torch.rand(size, generator=rng) for size in sizes]) < 0.5
    mirrored = mirrored.to(images.device, non_blocking=True)[:, None, None, None]
    # What differs, where it is wanted: on a CPU, choosing by `where` takes several times as long.
    return images ^ ((images ^ images.flip(3)) & mirrored.to(torch.uint8).neg_())
