"""Schedule-free SGD: averaging takes the place of a falling learning rate.

Three sequences (the paper's names): z takes the steps, x is the average of z, and gradients
are taken at y, between the two:

    y_t = (1 - beta) z_t + beta x_t
    z_{t+1} = z_t - lr_t (g(y_t) + weight_decay y_t)
    x_{t+1} = (1 - c) x_t + c z_{t+1},  c = lr_t^2 / sum of lr_i^2 for i <= t

Source: Defazio et al. 2024, "The Road Less Scheduled" (arXiv 2405.15682), equations 3 to 5,
and section 4.3 for the weights c under warm-up.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any

import torch
from torch import Tensor, _foreach_add, _foreach_add_, _foreach_lerp_

from darkmagic.trainers.optimizers.closure import call_closure

__all__ = ["ScheduleFreeSgd"]


class ScheduleFreeSgd(torch.optim.Optimizer):
    """Parameters are y in training and x after `eval`, until `train`; z is the state.

    Keeping y and z, x is what follows from them, so that memory is that of SGD with momentum.

    >>> weight = nn.Parameter(torch.tensor([1.0, -1.0]))
    >>> optimizer = ScheduleFreeSgd([{"params": [weight]}], lr=0.1)
    >>> weight.square().sum().backward()
    >>> _ = optimizer.step()
    >>> optimizer.eval()  # the weights are the average until `train`
    >>> weight.data
    tensor([ 0.8000, -0.8000])
    """

    def __init__(
        self,
        params: Iterable[dict[str, Any]],
        lr: float,
        beta: float = 0.9,
        weight_decay: float = 0.0,
    ) -> None:
        defaults = {
            "lr": lr,
            "beta": beta,
            "weight_decay": weight_decay,
            "weight_sum": 0.0,
            "averaged": False,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; return what `closure` returns."""
        loss = call_closure(closure)
        for group in self.param_groups:
            if group["averaged"]:
                raise ValueError("the weights are the average: call train() before a step")
            lr, beta = group["lr"], group["beta"]
            group["weight_sum"] += lr**2
            c = lr**2 / group["weight_sum"] if group["weight_sum"] else 0.0
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            grads = _foreach_add([p.grad for p in params], params, alpha=group["weight_decay"])
            steps = [self._steps(p) for p in params]
            # The three equations with x put in: y' = (1 - c) y + c z - lr (1 - beta (1 - c)) g.
            _foreach_lerp_(params, steps, c)
            _foreach_add_(params, grads, alpha=-lr * (1 - beta * (1 - c)))
            _foreach_add_(steps, grads, alpha=-lr)
        return loss

    def eval(self) -> None:
        """Make the parameters x, the average, to evaluate."""
        self._move(averaged=True)

    def train(self) -> None:
        """Make the parameters y again, to go on training."""
        self._move(averaged=False)

    @torch.no_grad()
    def _move(self, *, averaged: bool) -> None:
        for group in self.param_groups:
            if group["averaged"] == averaged:
                continue
            group["averaged"] = averaged
            beta = group["beta"]
            share = 1 - 1 / beta if averaged else 1 - beta  # of z; x is on y's far side of z
            for p in group["params"]:
                if p in self.state:
                    p.lerp_(self.state[p]["z"], share)

    def _steps(self, parameter: Tensor) -> Tensor:
        state = self.state[parameter]
        if not state:
            state["z"] = parameter.clone()
        z: Tensor = state["z"]
        return z
