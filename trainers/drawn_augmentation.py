"""Augmentations that are drawn first and applied then, so that many batches are applied at once.

On a GPU an augmentation is dozens of small kernels, whose launches take longer than they do: 16
batches in one go are launched once. Draws stay a batch's own, so the numbers do not depend on how
many go together.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from darkmagic.trainers.trick import Trick

__all__ = ["Drawn", "DrawnAugmentation", "ImagesShape", "augment_batches"]

Drawn = tuple[Tensor, ...]
"""What is drawn for B images: tensors on the CPU, of B rows each."""
ImagesShape = tuple[int, ...]
"""Of images: (B, C, H, W)."""


class DrawnAugmentation(Trick):
    """A trick whose `augment` is a `draw` for each image, and then to `apply` it.

    Override both in place of `augment`. What becomes of an image depends on its own row of the
    draws alone, so that a batch's images and draws can be joined with another's.

    >>> class Darker(DrawnAugmentation):
    ...     def draw(self, shape, rng):
    ...         return (torch.randint(100, (shape[0], 1, 1, 1), generator=rng),)
    ...
    ...     def apply(self, images, drawn):
    ...         shades = drawn[0].to(images.device, non_blocking=True)
    ...         return (images - shades).clamp(min=0).to(torch.uint8)
    >>> images = torch.full((2, 1, 1, 1), 250, dtype=torch.uint8)
    >>> Darker().augment(images, torch.Generator().manual_seed(0)).flatten()
    tensor([206, 211], dtype=torch.uint8)
    """

    def draw(self, shape: ImagesShape, rng: torch.Generator) -> Drawn:
        """Return what is drawn from `rng` for images of `shape` (B, C, H, W)."""
        del shape, rng
        return ()

    def apply(self, images: Tensor, drawn: Drawn) -> Tensor:
        """Return `images` (B, C, H, W), uint8 in and out, as `drawn` says, not edited in place."""
        del drawn
        return images

    def augment(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return self.apply(images, self.draw(images.shape, rng))


def augment_batches(
    trick: Trick, images: Tensor, sizes: Sequence[int], rng: torch.Generator
) -> Tensor:
    """Return `images` of batches of `sizes`, joined, as `trick.augment` leaves each of them."""
    if len(sizes) == 1:
        return trick.augment(images, rng)
    if not isinstance(trick, DrawnAugmentation):
        return torch.cat([trick.augment(batch, rng) for batch in torch.split(images, list(sizes))])
    draws = [trick.draw((size, *images.shape[1:]), rng) for size in sizes]
    return trick.apply(images, tuple(torch.cat(rows) for rows in zip(*draws, strict=True)))
