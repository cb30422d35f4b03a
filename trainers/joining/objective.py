"""The loss that is trained on: one label an image or several, each class as heavy as it counts.

An image with several labels is as many questions, each of two answers: with a logit z of a label,
the logits 0 of "no" and z of "yes". Cross-entropy of these is binary cross-entropy of z, smoothing
by eps leaves 1 - eps on the right answer, and a hinge is a support vector machine's, so that the
losses of tricks mean the same there as elsewhere. The questions of an image are summed, so that a
logit's gradient does not shrink as labels are added.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.data.base import Data
from darkmagic.trainers.joining.conflicts import overrides
from darkmagic.trainers.trick import Trick

__all__ = ["Objective"]


class Objective:
    """The mean loss of a batch, by the hook `loss` of `trick`.

    Of classes with `weights` (K,) an image's loss counts as its class does; of images with several
    labels (`multilabel`), the loss of a label counts so where an image has it, and 1 where not.
    """

    def __init__(self, trick: Trick, weights: Tensor | None = None, *, multilabel: bool) -> None:
        self._trick = trick
        self._weights = weights
        self._multilabel = multilabel

    @classmethod
    def of(cls, trick: Trick, weighing: Trick, data: Data | None) -> Objective:
        """Return the objective of `trick` on `data`, whose classes count as `weighing` says.

        Without data, images have one label each and classes count alike.
        """
        if data is None:
            return cls(trick, multilabel=False)
        return cls(trick, weighing.class_weights(data), multilabel=data.multilabel)

    def __call__(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the loss (0-d) of `logits` (B, K) against `targets` (B, K)."""
        if not self._multilabel:
            return self._mean(logits, targets, self._weights)
        if self._weights is None and self._trick.loss_of_labels:
            return self._trick.loss(logits, targets)
        if self._weights is None and not overrides(self._trick, "loss"):
            summed = F.binary_cross_entropy_with_logits(logits, targets, reduction="sum")
            return summed / len(logits)
        of_label = None
        if self._weights is not None:
            of_label = torch.stack([torch.ones_like(self._weights), self._weights], 1)
            of_label = of_label.repeat(len(logits), 1)
        return logits.shape[1] * self._mean(_answers(logits, 0.0), _answers(targets, 1.0), of_label)

    def _mean(self, logits: Tensor, targets: Tensor, weights: Tensor | None) -> Tensor:
        """Return the mean, weighted by what the classes of `targets` (R, K) count: (K,) or (R, K).

        A hook gives the mean of a batch, so each row is one of its own.
        """
        if weights is None:
            return self._trick.loss(logits, targets)
        losses = torch.func.vmap(lambda row, aim: self._trick.loss(row[None], aim[None]))(
            logits, targets
        )
        heavy = (targets * weights.to(targets.device, targets.dtype)).sum(1)
        return (heavy * losses).mean()


def _answers(values: Tensor, whole: float) -> Tensor:
    """Return what "no" and "yes" have of each of `values` (B, K), as rows (B * K, 2).

    Probabilities of both add up to 1, and the logit of "no" is 0.
    """
    yes = values.flatten()
    return torch.stack([whole - yes if whole else torch.zeros_like(yes), yes], 1)
