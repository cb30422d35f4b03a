"""RandAugment and TrivialAugment: operations drawn evenly, without a searched policy.

Source: Cubuk et al. 2020, "RandAugment" (arXiv 1909.13719), with AutoAugment's ranges in 31
steps; Mueller & Hutter 2021, "TrivialAugment" (arXiv 2103.10158), the wide space of table 1.
Both as torchvision has them.
"""

from __future__ import annotations

from functools import partial

import torch
from torch import Tensor

from darkmagic.trainers.augment.autoaugment import magnitudes
from darkmagic.trainers.augment.operations import OPERATIONS, Policy, apply_policy, draw_signs

__all__ = [
    "BINS",
    "draw_randaugment",
    "draw_trivialaugment",
    "even_magnitudes",
    "randaugment",
    "trivialaugment",
    "wide_magnitudes",
]

BINS = 31
WIDEST_SHIFT = 32.0  # pixels, of images of any size, as in the paper and in torchvision
DRAWN = torch.tensor([-1] + [OPERATIONS.index(name) for name in OPERATIONS if name != "Invert"])
"""Places in `OPERATIONS`; -1 leaves the image as it is."""

even_magnitudes = partial(magnitudes, bins=BINS)
"""RandAugment's magnitudes: AutoAugment's ranges in `BINS` steps."""


def wide_magnitudes(operation: str, size: tuple[int, int]) -> Tensor:
    """Return TrivialAugment's `BINS` magnitudes of `operation`, float64, for `size` (H, W)."""
    if operation == "Posterize":
        return 8 - (torch.arange(BINS) / ((BINS - 1) / 6)).round().double()
    del size  # AutoAugment's ranges depend on it, these do not
    last = {
        "TranslateX": WIDEST_SHIFT,
        "TranslateY": WIDEST_SHIFT,
        "Rotate": 135.0,
        **dict.fromkeys(("AutoContrast", "Equalize", "Invert"), 0.0),
    }
    first = 255.0 if operation == "Solarize" else 0.0
    end = 0.0 if operation == "Solarize" else last.get(operation, 0.99)
    return torch.linspace(first, end, BINS).double()


def draw_randaugment(count: int, rng: torch.Generator, operations: int, magnitude: int) -> Policy:
    """Draw `operations` operations a sample, all of bin `magnitude`, for `count` samples."""
    operation = DRAWN[torch.randint(len(DRAWN), (count, operations), generator=rng)]
    bins = torch.full_like(operation, magnitude)
    return Policy(operation, bins, draw_signs(operation, rng))


def draw_trivialaugment(count: int, rng: torch.Generator) -> Policy:
    """Draw one operation and its bin for each of `count` samples."""
    operation = DRAWN[torch.randint(len(DRAWN), (count, 1), generator=rng)]
    bins = torch.randint(BINS, (count, 1), generator=rng)
    return Policy(operation, bins, draw_signs(operation, rng))


def randaugment(
    images: Tensor, rng: torch.Generator, operations: int = 2, magnitude: int = 9
) -> Tensor:
    """Return `images` (n, C, H, W), uint8, each changed by `operations` operations in turn.

    >>> images = torch.arange(0, 240, 15, dtype=torch.uint8).reshape(1, 1, 4, 4)
    >>> randaugment(images, torch.Generator().manual_seed(1), operations=1)[0, 0]
    tensor([[ 30,  41,  52,  63],
            [ 74,  85,  96, 107],
            [117, 128, 139, 150],
            [161, 172, 183, 194]], dtype=torch.uint8)
    """
    policy = draw_randaugment(len(images), rng, operations, magnitude)
    return apply_policy(images, policy, even_magnitudes)


def trivialaugment(images: Tensor, rng: torch.Generator) -> Tensor:
    """Return `images` (n, C, H, W), uint8, each changed by one operation of any strength.

    >>> images = torch.arange(0, 240, 15, dtype=torch.uint8).reshape(1, 1, 4, 4)
    >>> trivialaugment(images, torch.Generator().manual_seed(3))[0, 0]
    tensor([[  0,  15,  30,  45],
            [ 60,  75,  90, 105],
            [120, 135, 150, 165],
            [180, 195, 210, 225]], dtype=torch.uint8)
    """
    return apply_policy(images, draw_trivialaugment(len(images), rng), wide_magnitudes)
