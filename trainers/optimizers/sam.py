"""Sharpness-aware minimisation: the gradient is taken where the loss nearby is worst.

Source: Foret et al. 2021 (arXiv 2010.01412), equations 2 and 3, algorithm 1.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import _foreach_add_, _foreach_copy_, _foreach_norm

from darkmagic.trainers.optimizers.closure import call_closure

__all__ = ["Sam"]


class Sam(torch.optim.Optimizer):
    """Steps `base` by the gradient at `w + rho * g / |g|`, g being the gradient at w.

    Needs the closure of `step`, which it calls twice: gradients come at double the cost. The
    norm is over all parameters; groups and state are those of `base`.

    >>> weight = nn.Parameter(torch.tensor([1.0, -1.0]))
    >>> optimizer = Sam(torch.optim.SGD([weight], lr=0.1), rho=0.05)
    >>> def closure():
    ...     optimizer.zero_grad()
    ...     loss = weight.square().sum()
    ...     loss.backward()
    ...     return loss
    >>> _ = optimizer.step(closure)
    >>> weight.data
    tensor([ 0.7929, -0.7929])
    """

    def __init__(self, base: torch.optim.Optimizer, rho: float) -> None:
        super().__init__(base.param_groups, {})
        self.base = base
        self._rho = rho
        self._share_groups()

    def _share_groups(self) -> None:
        self.param_groups = self.base.param_groups
        self.state = self.base.state

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter; return the loss at the weights before."""
        if closure is None:
            raise ValueError("sam steps with a closure that computes the loss and its gradients")
        loss = call_closure(closure)
        params = [p for group in self.param_groups for p in group["params"] if p.grad is not None]
        before = [p.clone() for p in params]
        grads = [p.grad for p in params]
        norm = torch.linalg.vector_norm(torch.stack(_foreach_norm(grads)))
        scale = self._rho / (norm + 1e-12)
        _foreach_add_(params, torch._foreach_mul(grads, scale))  # noqa: SLF001
        call_closure(closure)
        _foreach_copy_(params, before)
        self.base.step()
        return loss

    def state_dict(self) -> dict[str, Any]:
        """Return that of the base."""
        return self.base.state_dict()

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load that of the base."""
        self.base.load_state_dict(state_dict)
        self._share_groups()
