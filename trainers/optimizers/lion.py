"""Lion: steps of one size, in the direction of the sign of a momentum.

Source: Chen et al. 2023, "Symbolic Discovery of Optimization Algorithms" (arXiv 2302.06675),
algorithm 2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import (
    Tensor,
    _foreach_add_,
    _foreach_lerp,
    _foreach_lerp_,
    _foreach_mul_,
    _foreach_sign_,
)

from darkmagic.trainers.optimizers.closure import call_closure
from darkmagic.trainers.optimizers.momentum import momentum_of

__all__ = ["Lion"]


class Lion(torch.optim.Optimizer):
    """`beta1` weighs the momentum in a step, `beta2` in what is kept of it; decay is decoupled.

    Rate and decay of a group may be tensors (0-d), which are read on the device.

    >>> weight = nn.Parameter(torch.tensor([1.0, -1.0]))
    >>> optimizer = Lion([{"params": [weight]}], lr=0.1)
    >>> weight.square().sum().backward()
    >>> optimizer.step()
    >>> weight.data  # a step by the sign of the gradient
    tensor([ 0.9000, -0.9000])
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.99),
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(params, {"lr": lr, "betas": betas, "weight_decay": weight_decay})

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; return what `closure` returns."""
        loss = call_closure(closure)
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            grads: list[Tensor] = [p.grad for p in params]
            momenta = [momentum_of(self, p) for p in params]
            (beta1, beta2), lr = group["betas"], group["lr"]
            _foreach_mul_(params, 1 - lr * group["weight_decay"])
            directions = _foreach_lerp(momenta, grads, 1 - beta1)
            _foreach_sign_(directions)
            _foreach_mul_(directions, -lr)
            _foreach_add_(params, directions)
            _foreach_lerp_(momenta, grads, 1 - beta2)
        return loss
