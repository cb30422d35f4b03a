"""loss: what training makes small.

What: `cross_entropy`, the default, compares one distribution over the classes with the targets.
`binary_cross_entropy` asks of every class by itself whether it is in the image: the sum over
the classes of each one's logistic loss. Of targets that mixup or cutmix mixed it takes the
shares of the mix, as timm does by default; the paper counts every class in the mix as 1.
`multiclass_hinge` is a support vector machine's loss: the sum over the other classes of how far
their logits come within `margin` of the true one's.
Why: an image may show two classes, and one mixed of two does; a hinge rests once an example is
right by its margin, where cross-entropy goes on.
When it helps: binary cross-entropy together with mixup and cutmix, in long schedules; the hinge
is the historical option, seldom better.
Conflicts: label_smoothing has a loss of its own. The hinge needs one true class an image, and
so neither mixup nor cutmix.
Source: Wightman et al. 2021, "ResNet strikes back" (arXiv 2110.00476), section 2, for binary
cross-entropy (we sum over the classes, so that a logit's gradient is as large as under
cross-entropy at the same rate; the paper's optimizer scales it away); Weston & Watkins 1999
(ESANN), equation 1, and Stanford's CS231n, lecture on linear classification, for the hinge.
Published:
- none found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.fields import number
from darkmagic.trainers.trick import Trick

__all__ = ["BinaryCrossEntropy", "MulticlassHinge", "multiclass_hinge"]


def multiclass_hinge(logits: Tensor, classes: Tensor, margin: float) -> Tensor:
    """Return the mean over `logits` (B, K) of `sum(max(0, margin + logit - true logit))`.

    `classes` (B,) are the true ones; the sum is over the others.

    >>> multiclass_hinge(torch.tensor([[2.0, 1.5, 0.0]]), torch.tensor([0]), margin=1.0)
    tensor(0.5000)
    """
    true = logits.gather(1, classes[:, None])
    short = (margin + logits - true).clamp_min(0)
    return short.scatter(1, classes[:, None], 0.0).sum(1).mean()


class _Loss(Trick):
    def conflict(self, other: Trick) -> str | None:
        if type(other).loss is not Trick.loss:
            return "each has a loss of its own, and a trial has one"
        return None


@dataclass(frozen=True)
class BinaryCrossEntropy(_Loss):
    """The sum over the classes of each one's logistic loss, for targets in [0, 1].

    >>> BinaryCrossEntropy().loss(torch.zeros(1, 4), torch.eye(4)[:1])
    tensor(2.7726)
    """

    loss_of_labels: ClassVar[bool] = True

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        summed = F.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
        return summed / len(logits)


@dataclass(frozen=True)
class MulticlassHinge(_Loss):
    """Weston and Watkins' hinge, for targets that are one class each.

    >>> MulticlassHinge().loss(torch.tensor([[2.0, 1.5, 0.0]]), torch.eye(3)[:1])
    tensor(0.5000)
    """

    margin: float = number(1.0, above=0)

    def conflict(self, other: Trick) -> str | None:
        if other.mixes_targets:
            return "it mixes targets, and a hinge needs one class an image"
        return super().conflict(other)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return multiclass_hinge(logits, targets.argmax(1), self.margin)
