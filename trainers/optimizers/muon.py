"""Muon for the hidden weights and AdamW for all others, as one optimizer.

Muon orthogonalises the momentum of a weight matrix. A convolution's kernels are one: a row an
output channel. Which weights are hidden is said by their roles (`trainers/models/roles.py`).

Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"
(kellerjordan.github.io/posts/muon).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from darkmagic.trainers.optimizers.closure import call_closure

__all__ = ["MuonAndAdamW"]

Groups = list[dict[str, Any]]


class MuonAndAdamW(torch.optim.Optimizer):
    """Muon on the groups `hidden`, at `lr`, and AdamW on the groups `others`, at `adamw_lr`.

    A group's `weight_decay` is decoupled in both. Muon's part sees views (rows, columns) of the
    kernels, which are the parameters themselves under another shape.

    >>> hidden, bias = nn.Parameter(torch.eye(2)), nn.Parameter(torch.zeros(2))
    >>> optimizer = MuonAndAdamW(
    ...     [{"params": [hidden], "weight_decay": 0.0}],
    ...     [{"params": [bias], "weight_decay": 0.0}],
    ...     lr=0.02, momentum=0.95, adamw_lr=0.001, betas=(0.9, 0.95),
    ... )
    >>> [group["lr"] for group in optimizer.param_groups]
    [0.02, 0.001]
    """

    def __init__(
        self,
        hidden: Groups,
        others: Groups,
        *,
        lr: float,
        momentum: float,
        adamw_lr: float,
        betas: tuple[float, float],
    ) -> None:
        self._matrices: dict[nn.Parameter, Tensor] = {
            p: _rows(p.detach(), like=p).requires_grad_() for g in hidden for p in g["params"]
        }
        assert all(m.data_ptr() == p.data_ptr() for p, m in self._matrices.items())
        flat = [{**g, "params": [self._matrices[p] for p in g["params"]]} for g in hidden]
        self._muon = torch.optim.Muon(flat, lr=lr, momentum=momentum)
        self._adamw = torch.optim.AdamW(others, lr=adamw_lr, betas=betas, fused=True)
        super().__init__([*self._muon.param_groups, *self._adamw.param_groups], {})
        self._share_groups()

    def _share_groups(self) -> None:
        self.param_groups = [*self._muon.param_groups, *self._adamw.param_groups]

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; return what `closure` returns."""
        loss = call_closure(closure)
        for parameter, matrix in self._matrices.items():
            grad = parameter.grad
            matrix.grad = None if grad is None else _rows(grad, like=parameter)
        self._muon.step()  # type: ignore[no-untyped-call]
        self._adamw.step()
        return loss

    def zero_grad(self, set_to_none: bool = True) -> None:
        """Forget the gradients, also of the parameters that Muon sees as matrices."""
        super().zero_grad(set_to_none)
        for parameter in self._matrices:
            parameter.grad = None

    def state_dict(self) -> dict[str, Any]:
        """Return those of both parts, by name."""
        return {"muon": self._muon.state_dict(), "adamw": self._adamw.state_dict()}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load those of both parts."""
        self._muon.load_state_dict(state_dict["muon"])
        self._adamw.load_state_dict(state_dict["adamw"])
        self._share_groups()


def _rows(tensor: Tensor, *, like: Tensor) -> Tensor:
    """Return `tensor` as (rows, columns), the columns in the order that `like` has in memory.

    So a parameter's own rows are a view of it, also with channels last.
    """
    if not like.is_contiguous():
        tensor = tensor.permute(0, *range(2, like.ndim), 1)
    return tensor.reshape(len(tensor), -1)
