"""New weights drawn from the distribution by which a network's author initialised it."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["resample_init"]


@torch.no_grad()
def resample_init(values: Tensor, shape: Sequence[int]) -> Tensor:
    """Return a tensor of `shape`, each entry one of `values` at random, by the global generator.

    So constants stay constants, and a distribution keeps its form and scale.
    """
    indices = torch.randint(values.numel(), tuple(shape))
    return values.detach().flatten()[indices]
