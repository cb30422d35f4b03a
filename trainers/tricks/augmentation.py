"""augmentation: how training images are varied, beyond the data set's own crop and flip.

What: `AutoAugment` applies a pair of operations (geometry, colour, contrast) drawn from a
policy that was searched for on ImageNet; `Standard` jitters brightness, contrast and
saturation.
Why: a network that has seen an image in many guises learns what does not depend on them.
When it helps: AutoAugment in long schedules of networks with capacity to spare, by half a point
or more on ImageNet; in short ones it often costs accuracy.
Conflicts: strong augmentation, mixup and high weight decay can be too much together.
Source: Cubuk et al. 2019 (arXiv 1805.09501) for AutoAugment; Howard 2013 (arXiv 1312.5402),
section 2, for colour jitter, in the strength that is usual since (0.4).
Published:
- autoaugment against standard: +0.64; ResNet-50; ImageNet; 300 epochs, standard without colour
  jitter; PaddleClas, data augmentation docs, section 4
- autoaugment against standard: +1.3; ResNet-50; ImageNet; epochs not stated; Fast AutoAugment
  README, ImageNet table
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from darkmagic.trainers.augment.autoaugment import autoaugment
from darkmagic.trainers.augment.color import color_jitter
from darkmagic.trainers.trick import Trick

__all__ = ["AutoAugment", "Standard"]


@dataclass(frozen=True)
class AutoAugment(Trick):
    """AutoAugment's ImageNet policy."""

    def augment(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return autoaugment(images, rng)


@dataclass(frozen=True)
class Standard(Trick):
    """Colour jitter."""

    brightness: float = 0.4
    contrast: float = 0.4
    saturation: float = 0.4

    def augment(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return color_jitter(
            images,
            rng,
            brightness=self.brightness,
            contrast=self.contrast,
            saturation=self.saturation,
        )
