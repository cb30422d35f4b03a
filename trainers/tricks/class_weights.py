"""class_weights: let the loss of rare classes count more.

What: multiplies an image's loss by a weight of its class. `balanced` weighs a class by one over
how many training images it has, so that every class counts the same in all; `effective_number` by
less, as the hundredth image of a class shows less that is new than the second. Weights have a mean
of 1 over the training images, so that the learning rate stays right. Of images with several labels
`balanced` weighs a label, where an image has it, by how many images are without it for each that
has it, as PyTorch's `pos_weight` does; where an image is without it, it counts 1.
Why: a network that is always right about the common classes has a low loss, and may ignore the
rest.
When it helps: balanced accuracy, macro F1 and the recall of rare classes, where classes differ by
ten times or more; plain accuracy often falls. Judge it by metric=balanced_accuracy or macro_f1.
Conflicts: with sampling=balanced rare classes would be counted up twice.
Source: King & Zeng 2001, "Logistic regression in rare events data", for one over the frequency;
Cui et al. 2019 (arXiv 1901.05555), equation 2, for the effective number.
Published:
- none found.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from darkmagic.trainers.data.assembly.stats import class_counts
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.fields import number
from darkmagic.trainers.trick import NotApplicable, Trick

__all__ = ["BalancedWeights", "EffectiveNumber", "balanced_weights"]


def balanced_weights(counts: Tensor) -> Tensor:
    """Return weights (K,) of classes with `counts` (K,) images: each class counts the same in all.

    Their mean over images is 1; a class without images has 0.

    >>> balanced_weights(torch.tensor([30, 10, 0]))
    tensor([0.6667, 2.0000, 0.0000])
    """
    present = int((counts > 0).sum())
    shares = counts.sum() / (present * counts.clamp_min(1))
    return torch.where(counts > 0, shares, 0.0).float()


@dataclass(frozen=True)
class BalancedWeights(Trick):
    """One over how often a class is there.

    >>> from darkmagic.trainers.data import Digits
    >>> BalancedWeights().class_weights(Digits().load(split_seed=0)).shape
    torch.Size([10])
    """

    def class_weights(self, data: Data) -> Tensor | None:
        counts = class_counts(data.train.targets, len(data.classes))
        if data.multilabel:
            has = counts.clamp_min(1)
            return torch.where(counts > 0, (len(data.train) - counts) / has, 1.0).float()
        return balanced_weights(counts)


@dataclass(frozen=True)
class EffectiveNumber(Trick):
    """One over the effective number of images, (1 - beta**n) / (1 - beta) of n.

    >>> from darkmagic.trainers.data import Digits
    >>> EffectiveNumber(beta=0.99).class_weights(Digits().load(split_seed=0)).shape
    torch.Size([10])
    """

    beta: float = number(0.999, at_least=0, below=1)

    def class_weights(self, data: Data) -> Tensor | None:
        if data.multilabel:
            raise NotApplicable("effective_number is of images with one label each")
        counts = class_counts(data.train.targets, len(data.classes)).double()
        effective = (1 - self.beta ** counts.clamp_min(1)) / (1 - self.beta)
        weights = torch.where(counts > 0, 1 / effective, 0)
        return (weights * counts.sum() / (weights * counts).sum()).float()
