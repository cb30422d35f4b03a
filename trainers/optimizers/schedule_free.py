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
from torch import Tensor

from darkmagic.trainers.optimizers.closure import call_closure
from darkmagic.trainers.optimizers.foreach import add_scaled, add_scaled_, lerp_
from darkmagic.trainers.runtime.device import widest_float

__all__ = ["ScheduleFreeSgd"]


class ScheduleFreeSgd(torch.optim.Optimizer):
    """Parameters are y in training and x after `eval`, until `train`; z is the state.

    Keeping y and z, x is what follows from them, so that memory is that of SGD with momentum.
    Rate and decay of a group may be tensors (0-d), which are read on the device.

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
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            lr, beta = group["lr"], group["beta"]
            c = self._count(group["params"][0], lr)
            grads = add_scaled([p.grad for p in params], params, group["weight_decay"])
            steps = [self._steps(p) for p in params]
            # The three equations with x put in: y' = (1 - c) y + c z - lr (1 - beta (1 - c)) g.
            lerp_(params, steps, c)
            add_scaled_(params, grads, -lr * (1 - beta * (1 - c)))
            add_scaled_(steps, grads, -lr)
        return loss

    @torch.no_grad()
    def begin(self) -> None:
        """Make the state that a first step would make: a captured step must find it there."""
        for group in self.param_groups:
            for p in group["params"]:
                self._steps(p)
            self._weight_sum(group["params"][0])

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load what `state_dict` gave; torch alone would round the sums to the weights' precision,
        and training that goes on would not have the numbers of one that was not interrupted.
        """
        super().load_state_dict(state_dict)
        for ours, theirs in zip(self.param_groups, state_dict["param_groups"], strict=True):
            for parameter, key in zip(ours["params"], theirs["params"], strict=True):
                if "weight_sum" in state_dict["state"].get(key, ()):
                    total = state_dict["state"][key]["weight_sum"]
                    self.state[parameter]["weight_sum"] = total.to(
                        parameter.device, widest_float(parameter.device), copy=True
                    )

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
                if "z" in self.state.get(p, ()):
                    p.lerp_(self.state[p]["z"], share)

    def _steps(self, parameter: Tensor) -> Tensor:
        """Return z."""
        state = self.state[parameter]
        if "z" not in state:
            state["z"] = parameter.clone()
        z: Tensor = state["z"]
        return z

    def _weight_sum(self, parameter: Tensor) -> Tensor:
        """Return the sum of squared rates of the group whose first parameter this is."""
        state = self.state[parameter]
        if "weight_sum" not in state:
            state["weight_sum"] = torch.zeros(
                (), dtype=widest_float(parameter.device), device=parameter.device
            )
        total: Tensor = state["weight_sum"]
        return total

    def _count(self, first: Tensor, lr: float | Tensor) -> float | Tensor:
        """Count a step of rate `lr`; return c, its weight in the average, in [0, 1]."""
        total = self._weight_sum(first)
        total += lr**2
        c = torch.where(total > 0, lr**2 / total, 0.0)  # a warm-up begins at a rate of 0
        return c.to(lr.dtype) if isinstance(lr, Tensor) else c.item()
