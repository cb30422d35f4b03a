"""A scale for the loss, without which small gradients are lost in half precision.

Gradients are those of the scaled loss, divided by the scale. Where one is not finite the scale was
too large: it is halved and the step left out; after 2,000 steps without one it is doubled.
Source: Micikevicius et al. 2018, "Mixed Precision Training" (arXiv 1710.03740), section 3.2; the
figures and the kernels are those of `torch.amp.GradScaler`, which takes no closure.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from darkmagic.trainers.optimizers.sam import Sam

__all__ = ["LossScale"]

FIRST, GROWTH, BACKOFF, INTERVAL = 2.0**16, 2.0, 0.5, 2000


class LossScale:
    """The scale of one trial's loss, on the device.

    `decides_there` says that the optimizer leaves a step out by itself, as torch's fused ones do:
    then nothing waits for the device.
    """

    def __init__(self, optimizer: torch.optim.Optimizer, device: torch.device) -> None:
        self._scale = torch.full((), FIRST, device=device)
        self._good_steps = torch.zeros((), dtype=torch.int32, device=device)
        self._not_finite = torch.zeros((), device=device)
        base = optimizer.base if isinstance(optimizer, Sam) else optimizer
        self.decides_there = all(group.get("fused") for group in base.param_groups)
        if self.decides_there:
            base.found_inf = self._not_finite  # type: ignore[attr-defined]
            _begin(base)

    @property
    def tensors(self) -> list[Tensor]:
        """What a step changes, (0-d) each."""
        return [self._scale, self._good_steps, self._not_finite]

    def scaled(self, loss: Tensor) -> Tensor:
        """Return what to differentiate in place of `loss`."""
        return loss * self._scale

    @torch.no_grad()
    def unscale(self, parameters: Iterable[torch.nn.Parameter]) -> None:
        """Divide the gradients by the scale, and note whether one is not finite."""
        grads = [p.grad for p in parameters if p.grad is not None]
        inverse = self._scale.double().reciprocal().float()
        torch._amp_foreach_non_finite_check_and_unscale_(grads, self._not_finite, inverse)

    def overflowed(self) -> bool:
        """Return whether a gradient of this step was not finite. Waits for the device."""
        return bool(self._not_finite)

    @torch.no_grad()
    def update(self) -> None:
        """Move the scale, after a step."""
        torch._amp_update_scale_(
            self._scale, self._good_steps, self._not_finite, GROWTH, BACKOFF, INTERVAL
        )
        self._not_finite.zero_()

    def state_dict(self) -> dict[str, Tensor]:
        """Return the scale, and the steps since it moved."""
        return {"scale": self._scale, "good_steps": self._good_steps}

    def load_state_dict(self, state: Mapping[str, Tensor]) -> None:
        """Go on from there, in place."""
        self._scale.copy_(state["scale"])
        self._good_steps.copy_(state["good_steps"])


def _begin(optimizer: torch.optim.Optimizer) -> None:
    """Have momentum begin at zero: fused SGD makes its own in the first step, and leaves memory as
    it finds it where that step is left out.
    """
    if not isinstance(optimizer, torch.optim.SGD):
        return
    for group in optimizer.param_groups:
        if group["momentum"] == 0:
            continue
        for parameter in group["params"]:
            state = optimizer.state[parameter]
            if state.get("momentum_buffer") is None:
                state["momentum_buffer"] = torch.zeros_like(parameter)
