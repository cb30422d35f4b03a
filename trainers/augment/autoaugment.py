"""AutoAugment's ImageNet policy on whole batches, each sample with its own draw.

Source: Cubuk et al. 2019, "AutoAugment" (arXiv 1805.09501), appendix, table 9; the operations'
ranges are those of table 6, in 10 steps.
"""

from __future__ import annotations

import torch
from torch import Tensor

from darkmagic.trainers.augment.operations import OPERATIONS, Policy, apply_policy, draw_signs

__all__ = ["BINS", "IMAGENET", "autoaugment", "draw_policy", "magnitudes"]

BINS = 10

# Two operations a sub-policy: name, probability, magnitude in 0..9 (0 where there is none).
IMAGENET = (
    (("Posterize", 0.4, 8), ("Rotate", 0.6, 9)),
    (("Solarize", 0.6, 5), ("AutoContrast", 0.6, 0)),
    (("Equalize", 0.8, 0), ("Equalize", 0.6, 0)),
    (("Posterize", 0.6, 7), ("Posterize", 0.6, 6)),
    (("Equalize", 0.4, 0), ("Solarize", 0.2, 4)),
    (("Equalize", 0.4, 0), ("Rotate", 0.8, 8)),
    (("Solarize", 0.6, 3), ("Equalize", 0.6, 0)),
    (("Posterize", 0.8, 5), ("Equalize", 1.0, 0)),
    (("Rotate", 0.2, 3), ("Solarize", 0.6, 8)),
    (("Equalize", 0.6, 0), ("Posterize", 0.4, 6)),
    (("Rotate", 0.8, 8), ("Color", 0.4, 0)),
    (("Rotate", 0.4, 9), ("Equalize", 0.6, 0)),
    (("Equalize", 0.0, 0), ("Equalize", 0.8, 0)),
    (("Invert", 0.6, 0), ("Equalize", 1.0, 0)),
    (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
    (("Rotate", 0.8, 8), ("Color", 1.0, 2)),
    (("Color", 0.8, 8), ("Solarize", 0.8, 7)),
    (("Sharpness", 0.4, 7), ("Invert", 0.6, 0)),
    (("ShearX", 0.6, 5), ("Equalize", 1.0, 0)),
    (("Color", 0.4, 0), ("Equalize", 0.6, 0)),
    (("Equalize", 0.4, 0), ("Solarize", 0.2, 4)),
    (("Solarize", 0.6, 5), ("AutoContrast", 0.6, 0)),
    (("Invert", 0.6, 0), ("Equalize", 1.0, 0)),
    (("Color", 0.6, 4), ("Contrast", 1.0, 8)),
    (("Equalize", 0.8, 0), ("Equalize", 0.6, 0)),
)


def magnitudes(operation: str, size: tuple[int, int], bins: int = BINS) -> Tensor:
    """Return the `bins` magnitudes of `operation`, float64, for images of `size` (H, W)."""
    if operation == "Posterize":
        return 8 - (torch.arange(bins) / ((bins - 1) / 4)).round().double()
    height, width = size
    ranges = {
        "ShearX": (0, 0.3),
        "ShearY": (0, 0.3),
        "TranslateX": (0, 150 / 331 * width),
        "TranslateY": (0, 150 / 331 * height),
        "Rotate": (0, 30),
        "Solarize": (255, 0),
    }
    unbounded = (0, 0) if operation in ("AutoContrast", "Equalize", "Invert") else (0, 0.9)
    first, last = ranges.get(operation, unbounded)
    return torch.linspace(first, last, bins).double()


_OPERATION = torch.tensor([[OPERATIONS.index(op[0]) for op in pair] for pair in IMAGENET])
_PROBABILITY = torch.tensor([[op[1] for op in pair] for pair in IMAGENET])
_BIN = torch.tensor([[op[2] for op in pair] for pair in IMAGENET])


def draw_policy(count: int, rng: torch.Generator) -> Policy:
    """Draw a sub-policy, two coins and two signs for each of `count` samples."""
    chosen = torch.randint(len(IMAGENET), (count,), generator=rng)
    heads = torch.rand(count, 2, generator=rng) < _PROBABILITY[chosen]
    operation = _OPERATION[chosen]
    return Policy(
        operation=torch.where(heads, operation, -1),
        bin=_BIN[chosen],
        sign=draw_signs(operation, rng),
    )


def autoaugment(images: Tensor, rng: torch.Generator) -> Tensor:
    """Return `images` (n, C, H, W), uint8, C being 1 or 3, each changed by its own draw.

    >>> images = torch.randint(256, (2, 3, 32, 32), dtype=torch.uint8)
    >>> autoaugment(images, torch.Generator().manual_seed(0)).dtype
    torch.uint8
    """
    return apply_policy(images, draw_policy(len(images), rng), magnitudes)
