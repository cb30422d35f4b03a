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
Published:
- on against off: +0.97; ResNet-50; ImageNet; 300 epochs; PaddleClas, data augmentation docs,
  section 4
- on against off: +1.10; ResNet-50; ImageNet; 300 epochs; CutMix-PyTorch README, ImageNet table
- on against off: +0.29; ResNet-50; ImageNet; 100 epochs; OpenMixup, supervised mixup benchmarks,
  PyTorch-style table
- on against off: -0.06; ResNet-18; ImageNet; 100 epochs; OpenMixup, supervised mixup benchmarks,
  PyTorch-style table
- on against off: +0.12; ResNet-50; ImageNet; 600 epochs, with label smoothing and more, best of 3;
  torchvision 2021 recipe post, table of steps
- on against off: +0.36; ResNet-preact-20; CIFAR-10; 200 epochs, alpha 1, median of 3;
  hysts/pytorch_image_classification README, label smoothing table
- on against off: +0.00; ResNet-preact-20; MNIST; 100 epochs, alpha 1, median of 3;
  hysts/pytorch_image_classification README, MNIST table
- on against off: +0.83; PreResNet-20; CIFAR-10; 250 epochs, step decay, alpha 0.4; CIFAR-ZOO
  README, table of additional regularization
- on against off: +0.70; PreResNet-110; CIFAR-10; 250 epochs, step decay, alpha 0.4; CIFAR-ZOO
  README, table of additional regularization
- mixup and cutout against neither: +0.78; PreResNet-20; CIFAR-10; 250 epochs, step decay, alpha
  0.4; CIFAR-ZOO README, table of additional regularization
- mixup and cutout against neither: +1.42; PreResNet-110; CIFAR-10; 250 epochs, step decay, alpha
  0.4; CIFAR-ZOO README, table of additional regularization
- on against off: +0.83; ResNet-18; CIFAR-10; 200 epochs, alpha 1, median of the last 10 epochs;
  OpenMixup, CIFAR mixup benchmarks, CIFAR-10 table
- on against off: +1.45; ResNet-18; CIFAR-10; 400 epochs, alpha 1, median of the last 10 epochs;
  OpenMixup, CIFAR mixup benchmarks, CIFAR-10 table
- on against off: +1.25; ResNet-18; CIFAR-10; 1200 epochs, alpha 1, median of the last 10 epochs;
  OpenMixup, CIFAR mixup benchmarks, CIFAR-10 table
- on against off: +0.71; ResNet-18, pretrained; CUB-200; 200 epochs of fine-tuning, alpha 0.2,
  median of the last 10; OpenMixup, downstream mixup benchmarks, fine-grained table
- on against off: -0.71; ResNet-18, pretrained; FGVC-Aircraft; 200 epochs of fine-tuning, alpha 0.2,
  median of the last 10; OpenMixup, downstream mixup benchmarks, fine-grained table
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor

from darkmagic.trainers.fields import number
from darkmagic.trainers.trick import Trick

__all__ = ["Mixup", "mix"]


def mix(images: Tensor, targets: Tensor, lam: float, order: Tensor) -> tuple[Tensor, Tensor]:
    """Blend `images` (B, C, H, W) and `targets` (B, K) with themselves in `order` (B,).

    `lam` in [0, 1] is the share of the image itself. Returns new tensors of the same shapes.

    >>> images, targets = torch.tensor([0.0, 1.0]).reshape(2, 1, 1, 1), torch.eye(2)
    >>> mixed, blended = mix(images, targets, lam=0.75, order=torch.tensor([1, 0]))
    >>> mixed.flatten(), blended
    (tensor([0.2500, 0.7500]), tensor([[0.7500, 0.2500],
            [0.2500, 0.7500]]))
    """
    return torch.lerp(images[order], images, lam), torch.lerp(targets[order], targets, lam)


@dataclass(frozen=True)
class Mixup(Trick):
    """Blend each batch with itself, with weights drawn from Beta(alpha, alpha).

    >>> images = torch.stack([torch.zeros(1, 1, 2), torch.ones(1, 1, 2)])
    >>> mixed, targets = Mixup(alpha=1.0).transform_batch(
    ...     images, torch.eye(2), torch.Generator().manual_seed(0)
    ... )
    >>> mixed.flatten(1), targets
    (tensor([[0., 0.],
            [1., 1.]]), tensor([[1., 0.],
            [0., 1.]]))
    """

    alpha: float = number(0.2, above=0)

    mixes_targets: ClassVar[bool] = True

    def transform_batch(
        self, images: Tensor, targets: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        order = torch.randperm(len(images), generator=rng)
        beta_seed = int(torch.randint(2**62, (), generator=rng))
        lam = random.Random(beta_seed).betavariate(self.alpha, self.alpha)  # noqa: S311
        return mix(images, targets, lam, order.to(images.device, non_blocking=True))
