"""random_erasing: blank a rectangle of some training images.

What: with chance `probability` a rectangle of an image, `least` to `most` of its area, becomes
0, the mean after scaling.
Why: objects are partly hidden in the world; a network that has seen that relies on no one part.
When it helps: long schedules that overfit, detection and re-identification most of all.
Conflicts: does what cutout does; either is enough.
Source: Zhong et al. 2017 (arXiv 1708.04896), algorithm 1; blank, as torchvision has it, and not
the paper's noise.
Published:
- on against off: +0.60; ResNet-50; ImageNet; 300 epochs, probability 0.25; PaddleClas, data
  augmentation docs, section 4
- on against off: +0.19; ResNet-50; ImageNet; 600 epochs, probability 0.1, best of 3; torchvision
  2021 recipe post, table of steps
- on against off: +0.48; ResNet-20; CIFAR-10; epochs not stated, probability 0.5; Random-Erasing
  README, results
- on against off: +0.63; ResNet-preact-56; CIFAR-10; 160 epochs, median of 5;
  hysts/pytorch_image_classification README, residual units table
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from darkmagic.trainers.augment.boxes import erase_boxes, inside
from darkmagic.trainers.fields import number, pair
from darkmagic.trainers.trick import Trick

__all__ = ["RandomErasing"]


@dataclass(frozen=True)
class RandomErasing(Trick):
    """Blank a rectangle of an image, with chance `probability`.

    Its share of the image is drawn from `scale`, its height over its width from `ratio`.

    >>> images = torch.ones(1, 1, 4, 4)
    >>> erased, _ = RandomErasing(probability=1.0).transform_batch(
    ...     images, torch.eye(1), torch.Generator().manual_seed(0)
    ... )
    >>> erased[0, 0]
    tensor([[1., 1., 1., 1.],
            [1., 1., 1., 1.],
            [1., 0., 0., 1.],
            [1., 0., 0., 1.]])
    """

    probability: float = number(0.5, above=0, at_most=1)
    scale: tuple[float, float] = pair((0.02, 0.33), above=0, below=1)
    ratio: tuple[float, float] = pair((0.3, 3.3), above=0)

    def transform_batch(
        self, images: Tensor, targets: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        size = (images.shape[2], images.shape[3])
        chosen = torch.rand(len(images), generator=rng) < self.probability
        flattest, tallest = self.ratio
        ratio = (1 / tallest, 1 / flattest)  # width over height
        boxes = erase_boxes(len(images), size, rng, self.scale, ratio)
        boxes[~chosen] = 0
        return images.masked_fill(inside(boxes, size, images.device), 0), targets
