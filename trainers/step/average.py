"""Averages of the weights: beside the network, or within its optimizer."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, _foreach_copy_, nn

from darkmagic.trainers.optimizers.foreach import lerp_

__all__ = ["return_average", "update_average", "use_average"]


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, weight: float | Tensor) -> None:
    """Move `average` towards `network` by `weight` in [0, 1]; counters are copied."""
    pairs = _distinct(average.state_dict(), network.state_dict())
    _move([pair for pair in pairs if pair[0].is_floating_point()], weight)
    counters = [pair for pair in pairs if not pair[0].is_floating_point()]
    if counters:
        ours, theirs = (list(tensors) for tensors in zip(*counters, strict=True))
        _foreach_copy_(ours, theirs)


@torch.no_grad()
def return_average(average: nn.Module, network: nn.Module, weight: float | Tensor) -> None:
    """Make the parameters of `network` those of `average` where `weight`, its last, is not 0.

    A tensor decides without the host, as a captured step must.
    """
    moved = (weight > 0).float() if isinstance(weight, Tensor) else float(weight > 0)
    _move(list(zip(network.parameters(), average.parameters(), strict=True)), moved)


def _distinct(
    ours: Mapping[str, Tensor], theirs: Mapping[str, Tensor]
) -> list[tuple[Tensor, Tensor]]:
    """Return the tensors of two state dicts in pairs; one of several names is there once."""
    found: dict[Any, tuple[Tensor, Tensor]] = {}
    for name, tensor in ours.items():
        place = (tensor.data_ptr(), tensor.shape, tensor.stride()) if tensor.numel() else name
        found.setdefault(place, (tensor, theirs[name]))
    return list(found.values())


def _move(pairs: Sequence[tuple[Tensor, Tensor]], weight: float | Tensor) -> None:
    """Move the first of each of `pairs` towards the second, all in a few launches."""
    if pairs:
        ours, theirs = (list(tensors) for tensors in zip(*pairs, strict=True))
        lerp_(ours, theirs, weight)


def use_average(optimizer: torch.optim.Optimizer, *, averaged: bool) -> bool:
    """Switch an optimizer that keeps an average of the weights to it, or back to training.

    Return whether it keeps one: it then has the methods `eval` and `train`.
    """
    switch = getattr(optimizer, "eval" if averaged else "train", None)
    if switch is None:
        return False
    switch()
    return True
