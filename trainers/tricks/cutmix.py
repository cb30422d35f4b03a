"""cutmix: paste a rectangle of one image into another, and mix their labels by area.

What: draws lambda from Beta(alpha, alpha) once a batch; image i gets a rectangle of image j
(from a random order of the same batch) whose sides are sqrt(1 - lambda) of its own, centred
anywhere, cut off at the edges; labels are mixed by the area that is left of each. `or_mixup`
draws for each batch which of cutmix and mixup it gets.
Why: like cutout it takes away what is most telling, but fills the hole with something to learn
from; unlike mixup every pixel stays natural.
When it helps: long schedules that overfit, by a point or more; in short ones it often costs
accuracy.
Conflicts: with mixup=on both act on every batch, one after the other: for one of both use
cutmix=or_mixup with mixup=off. Needs a loss that takes soft targets.
Source: Yun et al. 2019 (arXiv 1905.04899), equation 1 and section 3; torchvision's recipe of
2021 for drawing one of both.
Published:
- on against off: +1.08; ResNet-50; ImageNet; 300 epochs, alpha 0.2; PaddleClas, data augmentation
  docs, section 4
- on against off: +2.28; ResNet-50; ImageNet; 300 epochs, alpha 1; CutMix-PyTorch README, ImageNet
  table
- on against off: +2.22; PyramidNet-200; CIFAR-100; 300 epochs, probability 0.5; CutMix-PyTorch
  README, CIFAR-100 table
- on against off: +0.34; ResNet-50; ImageNet; 100 epochs; OpenMixup, supervised mixup benchmarks,
  PyTorch-style table
- on against off: -1.09; ResNet-18; ImageNet; 100 epochs; OpenMixup, supervised mixup benchmarks,
  PyTorch-style table
- or_mixup against off: +0.40; ResNet-50; ImageNet; 600 epochs, with label smoothing and more, best
  of 3; torchvision 2021 recipe post, table of steps, two steps added
"""

from __future__ import annotations

import math
import random
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from darkmagic.trainers.fields import number
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.mixup import Mixup

__all__ = ["CutMix", "CutMixOrMixup", "Edges", "cut_and_paste", "edges_around"]

Edges = tuple[int, int, int, int]
"""Of a rectangle: its top, bottom, left and right, the second and fourth left out."""


def edges_around(y: int, x: int, size: tuple[int, int], lam: float) -> Edges:
    """Return the rectangle of about `1 - lam` of an image of `size` (H, W), centred at (y, x).

    `lam` is in [0, 1]; what is beyond the image is cut off.

    >>> edges_around(16, 16, (32, 32), lam=0.75)
    (8, 24, 8, 24)
    """
    half_height, half_width = (int(side * math.sqrt(1 - lam) / 2) for side in size)
    return (
        max(y - half_height, 0),
        min(y + half_height, size[0]),
        max(x - half_width, 0),
        min(x + half_width, size[1]),
    )


def cut_and_paste(
    images: Tensor, targets: Tensor, order: Tensor, edges: Edges
) -> tuple[Tensor, Tensor]:
    """Paste what is within `edges` of `images[order]` (B, C, H, W), and mix `targets` (B, K).

    >>> images = torch.stack([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)])
    >>> edges = edges_around(1, 2, (4, 4), lam=0.75)
    >>> mixed, targets = cut_and_paste(images, torch.eye(2), torch.tensor([1, 0]), edges)
    >>> mixed[0, 0], targets[0]
    (tensor([[0., 1., 1., 0.],
            [0., 1., 1., 0.],
            [0., 0., 0., 0.],
            [0., 0., 0., 0.]]), tensor([0.7500, 0.2500]))
    """
    top, bottom, left, right = edges
    mixed = images.clone()
    mixed[:, :, top:bottom, left:right] = images[order, :, top:bottom, left:right]
    kept = 1 - (bottom - top) * (right - left) / (images.shape[2] * images.shape[3])
    return mixed, torch.lerp(targets[order], targets, kept)


@dataclass(frozen=True)
class CutMix(Trick):
    """Rectangles of about 1 - lambda of the image, lambda from Beta(alpha, alpha).

    >>> images = torch.stack([torch.zeros(1, 4, 4), torch.ones(1, 4, 4)])
    >>> mixed, targets = CutMix().transform_batch(
    ...     images, torch.eye(2), torch.Generator().manual_seed(2)
    ... )
    >>> mixed[0, 0], targets[0]
    (tensor([[0., 0., 0., 0.],
            [0., 0., 0., 0.],
            [0., 0., 0., 0.],
            [0., 0., 0., 0.]]), tensor([1., 0.]))
    """

    alpha: float = number(1.0, above=0)

    mixes_targets: ClassVar[bool] = True

    def transform_batch(
        self, images: Tensor, targets: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        order = torch.randperm(len(images), generator=rng).to(images.device, non_blocking=True)
        draws = random.Random(int(torch.randint(2**62, (), generator=rng)))  # noqa: S311
        lam = draws.betavariate(self.alpha, self.alpha)
        height, width = images.shape[2:]
        y, x = draws.randrange(height), draws.randrange(width)
        return cut_and_paste(images, targets, order, edges_around(y, x, (height, width), lam))


@dataclass(frozen=True)
class CutMixOrMixup(Trick):
    """One of both for each batch, with even chances.

    >>> images = torch.stack([torch.zeros(1, 2, 2), torch.ones(1, 2, 2)])
    >>> mixed, targets = CutMixOrMixup().transform_batch(
    ...     images, torch.eye(2), torch.Generator().manual_seed(0)
    ... )
    >>> targets.sum(1)
    tensor([1., 1.])
    """

    cutmix_alpha: float = number(1.0, above=0)
    mixup_alpha: float = number(0.2, above=0)

    mixes_targets: ClassVar[bool] = True

    def transform_batch(
        self, images: Tensor, targets: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        cut = torch.rand((), generator=rng) < 0.5
        trick = CutMix(self.cutmix_alpha) if cut else Mixup(self.mixup_alpha)
        return trick.transform_batch(images, targets, rng)
