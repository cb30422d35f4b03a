"""mixup: train on blends of two images with equally blended labels.

What: draws lambda from Beta(alpha, alpha) once a batch, and replaces image i by
`lambda * image_i + (1 - lambda) * image_j`, j from a random order of the same batch; the loss
is blended alike, which for cross-entropy is the loss against the blended targets.
Why: the network learns to behave linearly between examples, which smooths its decision
borders.
When it helps: long schedules that overfit; in short ones it often costs accuracy. alpha 0.2
is the usual value on ImageNet, 1.0 on CIFAR.
Conflicts: needs a loss that takes soft targets.
Source: Zhang et al. 2018 (arXiv 1710.09412), equation 1 and section 3.
"""

from __future__ import annotations

import random
from dataclasses import dataclass

import torch
from torch import Tensor

from darkmagic.trainers.trick import Trick

__all__ = ["Mixup", "mix"]


def mix(images: Tensor, targets: Tensor, lam: float, order: Tensor) -> tuple[Tensor, Tensor]:
    """Blend `images` (B, C, H, W) and `targets` (B, K) with themselves in `order` (B,)."""
    return torch.lerp(images[order], images, lam), torch.lerp(targets[order], targets, lam)


@dataclass(frozen=True)
class Mixup(Trick):
    """Blend each batch with itself, with weights drawn from Beta(alpha, alpha)."""

    alpha: float = 0.2

    def __post_init__(self) -> None:
        if self.alpha <= 0:
            raise ValueError(f"alpha={self.alpha}: need alpha > 0 (trick/mixup=off for none)")

    def transform_batch(
        self, images: Tensor, targets: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        order = torch.randperm(len(images), generator=rng)
        beta_seed = int(torch.randint(2**62, (), generator=rng))
        lam = random.Random(beta_seed).betavariate(self.alpha, self.alpha)  # noqa: S311
        return mix(images, targets, lam, order.to(images.device, non_blocking=True))
