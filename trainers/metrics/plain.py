"""Plain loss and right answers, of one label an image or of several: what trials compare by."""

from __future__ import annotations

import math

from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

__all__ = ["guess_loss", "is_right", "plain_loss"]


def plain_loss(logits: Tensor, truth: Tensor, reduction: str = "mean") -> Tensor:
    """Return the cross-entropy of `logits` (B, K), in nats.

    `truth` is classes (B,), int64; or labels (B, K) of images with several, whose losses are
    summed over an image.

    >>> import torch
    >>> logits = torch.zeros(1, 2)
    >>> plain_loss(logits, torch.tensor([0])), plain_loss(logits, torch.eye(2)[:1])
    (tensor(0.6931), tensor(1.3863))
    """
    if truth.ndim == 1:
        return F.cross_entropy(logits, truth, reduction=reduction)
    loss = F.binary_cross_entropy_with_logits(logits, truth.to(logits.dtype), reduction="sum")
    return loss if reduction == "sum" else loss / len(logits)


def is_right(logits: Tensor, truth: Tensor) -> Tensor:
    """Return which images (B,) are right, bool: all labels of each, where there are several."""
    if truth.ndim == 1:
        return logits.argmax(1) == truth
    return ((logits > 0) == (truth > 0)).all(1)


def guess_loss(classes: int, *, multilabel: bool) -> float:
    """Return the plain loss of logits that are all 0: log(K), or K log(2)."""
    return classes * math.log(2) if multilabel else math.log(max(2, classes))
