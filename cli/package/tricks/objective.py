"""Losses of logits (B, K), and changes of gradients between backward and the optimizer's step."""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import Tensor, nn

from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.gradient_centralization import GradientCentralization
from darkmagic.trainers.tricks.gradient_clipping import GradientClipping
from darkmagic.trainers.tricks.label_smoothing import LabelSmoothing
from darkmagic.trainers.tricks.loss import BinaryCrossEntropy, MulticlassHinge
from darkmagic.tricks.batch import one_hot

__all__ = [
    "binary_cross_entropy",
    "centralize_gradients",
    "clip_gradients",
    "multiclass_hinge_loss",
    "smoothed_cross_entropy",
]


def smoothed_cross_entropy(logits: Tensor, targets: Tensor, eps: float = 0.1) -> Tensor:
    """Return the mean cross-entropy against targets smoothed by `eps`.

    `targets` are classes (B,) or probabilities (B, K). `eps` is spread over the other classes.

    >>> smoothed_cross_entropy(torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
    tensor(0.3269)
    """
    return LabelSmoothing(eps).loss(logits, _soft(logits, targets))


def binary_cross_entropy(logits: Tensor, targets: Tensor) -> Tensor:
    """Return the mean loss of each class for itself, as if an image could have several.

    `targets` are classes (B,) or probabilities (B, K).

    >>> binary_cross_entropy(torch.tensor([[2.0, 0.0]]), torch.tensor([0]))
    tensor(0.8201)
    """
    return BinaryCrossEntropy().loss(logits, _soft(logits, targets))


def multiclass_hinge_loss(logits: Tensor, targets: Tensor, margin: float = 1.0) -> Tensor:
    """Return the mean over images of what other logits lack to be `margin` below the true one.

    `targets` are classes (B,) or probabilities (B, K) that are 0 or 1.

    >>> multiclass_hinge_loss(torch.tensor([[2.0, 1.5]]), torch.tensor([0]))
    tensor(0.5000)
    """
    return MulticlassHinge(margin).loss(logits, _soft(logits, targets))


def clip_gradients(parameters: Iterable[nn.Parameter], max_norm: float = 1.0) -> None:
    """Shorten the gradients of `parameters`, in place, to a norm of `max_norm` over all of them.

    >>> weight = nn.Parameter(torch.zeros(2))
    >>> weight.grad = torch.tensor([3.0, 4.0])
    >>> clip_gradients([weight])
    >>> weight.grad
    tensor([0.6000, 0.8000])
    """
    _change(GradientClipping(max_norm), parameters)


def centralize_gradients(
    parameters: Iterable[nn.Parameter], convolutions_only: bool = False
) -> None:
    """Take the mean of each output's gradient off it, in place, for weights of two dims or more.

    >>> weight = nn.Parameter(torch.zeros(1, 2))
    >>> weight.grad = torch.tensor([[1.0, 3.0]])
    >>> centralize_gradients([weight])
    >>> weight.grad
    tensor([[-1.,  1.]])
    """
    _change(GradientCentralization(convolutions_only), parameters)


def _soft(logits: Tensor, targets: Tensor) -> Tensor:
    return one_hot(targets, logits.shape[-1]).to(logits.dtype)


@torch.no_grad()
def _change(trick: Trick, parameters: Iterable[nn.Parameter]) -> None:
    if isinstance(parameters, nn.Module):
        raise TypeError("parameters are a network; give those of it: network.parameters()")
    if isinstance(parameters, nn.Parameter):  # its rows have no gradients
        parameters = [parameters]
    trick.transform_gradients([each for each in parameters if each.grad is not None])
