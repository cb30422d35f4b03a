"""Rectifiers whose channels are zero for every image: they pass no signal and no gradient."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

# The module's name has an underscore, and its class is what PyTorch documents for this.
from torch.utils._python_dispatch import TorchDispatchMode

from darkmagic.trainers.models.operators import RECTIFIERS, operator_name
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.overfit import Fit
from darkmagic.trainers.preflight.setup import Setup

__all__ = ["check_rectifiers", "dead_shares"]

BATCH_IMAGES = 32  # for which a channel must be zero to count as dead
MAX_DEAD_SHARE = 0.5  # of a layer's channels
MIN_CHANNELS = 16  # channels, of which half may well be dead by chance


@torch.no_grad()
def dead_shares(network: nn.Module, images: Tensor) -> list[float]:
    """Return, by rectifier in the order in which they run, the share of its channels that are
    zero for all `images` (B, C, H, W) at every place. Calls such as `F.relu` are seen too;
    layers of fewer than `MIN_CHANNELS` channels, and gates on pooled maps, are left out.
    """
    watch = _Watch()
    with watch:
        network(images)
    return watch.shares


class _Watch(TorchDispatchMode):
    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]  # PyTorch's is untyped
        self.shares: list[float] = []

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: Any = None
    ) -> Any:
        del types
        result = func(*args, **(kwargs or {}))
        if operator_name(func) in RECTIFIERS and _is_layer(result):
            dimensions = (0, *range(2, result.ndim)) if result.ndim == 4 else range(result.ndim - 1)
            alive = (result > 0).sum(tuple(dimensions)) > 0
            self.shares.append(1 - float(alive.float().mean()))
        return result


def _is_layer(result: Tensor) -> bool:
    """Whether it is (B, C, H, W) of several pixels, or (B, ..., C), and not narrow."""
    if result.ndim == 4:
        return result.shape[1] >= MIN_CHANNELS and result.shape[2] * result.shape[3] > 1
    return result.ndim > 1 and result.shape[-1] >= MIN_CHANNELS


def check_rectifiers(setup: Setup, fit: Fit) -> Finding:
    """Look for dead rectifiers after the first steps of training, in train mode.

    Not before them: a branch that starts at zero feeds those behind it nothing yet.
    """
    images, _ = setup.fixed_batch(BATCH_IMAGES)
    torch.manual_seed(0)
    shares = dead_shares(copy.deepcopy(fit.network).train(), images)
    if not shares:
        return Finding("rectifiers", Level.OK, "no ReLU that could die")
    worst = max(range(len(shares)), key=shares.__getitem__)
    seen = f"dead channels: {sum(shares) / len(shares):.0%} on average over {len(shares)} ReLUs"
    figures = {"dead": shares}
    if shares[worst] > MAX_DEAD_SHARE:
        seen += f", {shares[worst]:.0%} in number {worst + 1}"
        advice = "a smaller rate, He's initial weights, normalisation or leaky ReLU keep them alive"
        return Finding("rectifiers", Level.WARNING, seen, advice, figures)
    return Finding("rectifiers", Level.OK, seen, figures=figures)
