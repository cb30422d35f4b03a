"""Averages of the weights: beside the network, or within its optimizer."""

from __future__ import annotations

import torch
from torch import Tensor, nn

__all__ = ["return_average", "update_average", "use_average"]


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, weight: float | Tensor) -> None:
    """Move `average` towards `network` by `weight` in [0, 1]; counters are copied."""
    current = network.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            share = weight.to(value.dtype) if isinstance(weight, Tensor) else weight
            value.lerp_(current[name], share)
        else:
            value.copy_(current[name])


@torch.no_grad()
def return_average(average: nn.Module, network: nn.Module, weight: float | Tensor) -> None:
    """Make the parameters of `network` those of `average` where `weight`, its last, is not 0.

    A tensor decides without the host, as a captured step must.
    """
    for ours, theirs in zip(network.parameters(), average.parameters(), strict=True):
        moved = (weight > 0).to(ours.dtype) if isinstance(weight, Tensor) else float(weight > 0)
        ours.lerp_(theirs, moved)


def use_average(optimizer: torch.optim.Optimizer, *, averaged: bool) -> bool:
    """Switch an optimizer that keeps an average of the weights to it, or back to training.

    Return whether it keeps one: it then has the methods `eval` and `train`.
    """
    switch = getattr(optimizer, "eval" if averaged else "train", None)
    if switch is None:
        return False
    switch()
    return True
