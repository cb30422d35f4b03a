"""sampling: how often an epoch shows each image.

What: an epoch has every image once, in a random order; that is `uniform`. `balanced` draws images
with replacement so that every class comes as often, and `square_root` so that a class comes in
proportion to the root of its images, half-way between. An epoch has as many images as before, so
that some of a common class are not shown in it and those of a rare one several times. An image with
several labels is drawn as one of its rarest.
Why: gradients then show rare classes as often as common ones.
When it helps: balanced accuracy, macro F1 and the recall of rare classes, where classes differ by
ten times or more; plain accuracy often falls, and rare images are learnt by heart the sooner.
Conflicts: with class_weights rare classes would be counted up twice; with shuffle=off, which has an
order of its own, and with repeated_augmentation.
Source: Shen et al. 2016 (arXiv 1512.05830), section 3.1, for balanced; Mahajan et al. 2018
(arXiv 1805.00932), section 2.1, for the root.
Published:
- none found.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.splits.split import one_label
from darkmagic.trainers.fields import number
from darkmagic.trainers.trick import Trick

__all__ = ["Sampling", "chances"]


def chances(classes: Tensor, power: float) -> Tensor:
    """Return how likely each of the images of `classes` (N,), int64, is to be drawn, (N,).

    A class is drawn in proportion to its number of images to the `power`: 0 for all classes alike,
    1 for all images alike.

    >>> chances(torch.tensor([0, 0, 0, 1]), power=0.0)
    tensor([0.3333, 0.3333, 0.3333, 1.0000])
    """
    counts = torch.bincount(classes).double()
    return (counts ** (power - 1))[classes].float()


@dataclass(frozen=True)
class Sampling(Trick):
    """Draw a class in proportion to its number of images to the `power`.

    >>> from darkmagic.trainers.data import Digits
    >>> Sampling().image_chances(Digits().load(split_seed=0)).shape
    torch.Size([1079])
    """

    power: float = number(0.0, at_least=0, below=1)

    def conflict(self, other: Trick) -> str | None:
        if type(other).class_weights is not Trick.class_weights:
            return "both count rare classes up: keep one of them"
        if type(other).epoch_order is not Trick.epoch_order:
            return "it has an order of its own"
        if type(other).image_repeats is not Trick.image_repeats:
            return "it has repeats of its own"
        return None

    def image_chances(self, data: Data) -> Tensor | None:
        return chances(one_label(data.train.targets), self.power)
