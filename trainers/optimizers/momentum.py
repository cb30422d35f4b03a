"""An optimizer's momentum of a parameter."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["momentum_of"]


def momentum_of(optimizer: torch.optim.Optimizer, parameter: Tensor) -> Tensor:
    """Return the momentum that `optimizer` keeps of `parameter`, which begins at zero.

    >>> weight = nn.Parameter(torch.ones(2))
    >>> momentum_of(torch.optim.SGD([weight]), weight)
    tensor([0., 0.])
    """
    state = optimizer.state[parameter]
    if not state:
        state["momentum"] = torch.zeros_like(parameter)
    momentum: Tensor = state["momentum"]
    return momentum
