"""cutout: blank a square of every training image.

What: sets a square of each image to 0, the mean after scaling, its centre anywhere in the image
and what is beyond the edge cut off. `pixels` are of an image `reference_size` pixels wide, and are
scaled to the actual images: 16 of 32 is half the shorter side.
Why: the network cannot rely on one telling part, and learns to use all of them.
When it helps: small images and networks that overfit; 16 on CIFAR-10 and 8 on CIFAR-100 are its
paper's choices.
Conflicts: does what random_erasing does; either is enough. Half an image may hide the object.
Source: DeVries & Taylor 2017 (arXiv 1708.04552).
Published:
- cutout against none: +0.70; ResNet-50; ImageNet; 300 epochs, 112 pixels; PaddleClas, data
  augmentation docs, section 4
- cutout against none: +0.75; ResNet-50; ImageNet; 300 epochs; CutMix-PyTorch README, ImageNet table
- 16 against off: +0.73; ResNet-18; CIFAR-10; epochs not stated, 16 pixels, mean of 5; Cutout
  README, ResNet18 table
- 8 against off: +0.50; ResNet-18; CIFAR-100; epochs not stated, 8 pixels, mean of 5; Cutout README,
  ResNet18 table
- cutout against none: -0.08; PyramidNet-200; CIFAR-100; 300 epochs; CutMix-PyTorch README,
  CIFAR-100 table
- 8 against off: +0.69; PreResNet-20; CIFAR-10; 250 epochs, step decay, 8 pixels by its
  configuration; CIFAR-ZOO README, table of additional regularization
- 8 against off: +0.43; PreResNet-110; CIFAR-10; 250 epochs, step decay, 8 pixels by its
  configuration; CIFAR-ZOO README, table of additional regularization
- cutout and mixup against neither: +0.78; PreResNet-20; CIFAR-10; 250 epochs, step decay; CIFAR-ZOO
  README, table of additional regularization
- cutout and mixup against neither: +1.42; PreResNet-110; CIFAR-10; 250 epochs, step decay;
  CIFAR-ZOO README, table of additional regularization
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from darkmagic.trainers.augment.boxes import inside
from darkmagic.trainers.fields import whole
from darkmagic.trainers.trick import Trick

__all__ = ["Cutout", "cutout_boxes"]


def cutout_boxes(count: int, size: tuple[int, int], side: int, rng: torch.Generator) -> Tensor:
    """Draw `count` squares of `side` pixels about centres in images of `size` (H, W).

    Return int64 (count, 4): top, left, height, width; the first two may be below 0.

    >>> cutout_boxes(2, (32, 32), side=16, rng=torch.Generator().manual_seed(0))
    tensor([[ 7, 16, 16, 16],
            [-6, -4, 16, 16]])
    """
    centres = (torch.rand(count, 2, generator=rng) * torch.tensor(size)).long()
    return torch.cat([centres - side // 2, torch.full((count, 2), side)], 1)


@dataclass(frozen=True)
class Cutout(Trick):
    """Blank a square whose side is `pixels` in an image of `reference_size` pixels.

    >>> images = torch.ones(1, 1, 4, 4)
    >>> blanked, _ = Cutout().transform_batch(
    ...     images, torch.eye(1), torch.Generator().manual_seed(0)
    ... )
    >>> blanked[0, 0]
    tensor([[1., 1., 0., 0.],
            [1., 1., 0., 0.],
            [1., 1., 1., 1.],
            [1., 1., 1., 1.]])
    """

    pixels: int = whole(16, at_least=1)
    reference_size: int = whole(32, at_least=1)

    constraints: ClassVar[tuple[str, ...]] = ("pixels <= 2 * reference_size",)

    def transform_batch(
        self, images: Tensor, targets: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        size = (images.shape[2], images.shape[3])
        side = max(1, round(self.pixels / self.reference_size * min(size)))
        boxes = cutout_boxes(len(images), size, side, rng)
        return images.masked_fill(inside(boxes, size, images.device), 0), targets
