"""Muon for the hidden weights and AdamW for all others, as one optimizer.

Muon orthogonalises the momentum of a weight matrix. A convolution's kernels are one: a row an
output channel. Which weights are hidden is said by their roles (`trainers/models/roles.py`).

Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks"
(kellerjordan.github.io/posts/muon).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import torch
from torch import (
    Tensor,
    _foreach_add_,
    _foreach_lerp,
    _foreach_lerp_,
    _foreach_mul_,
)

from darkmagic.trainers.optimizers.closure import call_closure
from darkmagic.trainers.optimizers.momentum import momentum_of

__all__ = ["MuonAndAdamW", "orthogonalize"]

Groups = list[dict[str, Any]]
COEFFICIENTS = (3.4445, -4.7750, 2.0315)
EPS, ITERATIONS = 1e-7, 5
"""Of the iteration: as its authors chose them, and as `torch.optim.Muon` has them."""


class MuonAndAdamW(torch.optim.Optimizer):
    """Muon on the groups `hidden`, at `lr`, and AdamW on the groups `others`, at `adamw_lr`.

    A group's `weight_decay` is decoupled in both. Rate and decay of a group may be tensors (0-d),
    which are read on the device. Matrices of one shape are orthogonalised together.

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
        self._adamw = torch.optim.AdamW(others, lr=adamw_lr, betas=betas, fused=True)
        ours = [{"lr": lr, "momentum": momentum, **group} for group in hidden]
        super().__init__([*ours, *self._adamw.param_groups], {})
        self._hidden = len(hidden)
        self._share()

    def _share(self) -> None:
        """Let AdamW work on the groups and the state of this optimizer."""
        self._adamw.param_groups = self.param_groups[self._hidden :]
        self._adamw.state = self.state

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> Any:
        """Update every parameter that has a gradient; return what `closure` returns."""
        loss = call_closure(closure)
        for group in self.param_groups[: self._hidden]:
            self._step_hidden(group)
        self._adamw.step()
        return loss

    def _step_hidden(self, group: dict[str, Any]) -> None:
        params = [p for p in group["params"] if p.grad is not None]
        if not params:
            return
        lr, momentum = group["lr"], group["momentum"]
        momenta, grads = [momentum_of(self, p) for p in params], [p.grad for p in params]
        _foreach_lerp_(momenta, grads, 1 - momentum)
        ahead = _foreach_lerp(grads, momenta, momentum)  # Nesterov's
        _foreach_mul_(params, 1 - lr * group["weight_decay"])
        by_shape = defaultdict(list)
        for parameter, update in zip(params, ahead, strict=True):
            by_shape[parameter.shape].append((parameter, update))
        for same in by_shape.values():
            rows = torch.stack([_rows(update, like=parameter) for parameter, update in same])
            scale = max(1.0, rows.shape[1] / rows.shape[2]) ** 0.5
            orthogonal = orthogonalize(rows).to(rows.dtype) * (-lr * scale)
            matrices = [parameter for parameter, _ in same]
            updates = [_unrows(r, like=p) for r, p in zip(orthogonal, matrices, strict=True)]
            _foreach_add_(matrices, updates)

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Load the state of both parts."""
        super().load_state_dict(state_dict)
        self._share()


def orthogonalize(matrices: Tensor) -> Tensor:
    """Return (N, rows, columns) with singular values near 1 and the same singular vectors.

    Five steps of a Newton-Schulz iteration of the fifth order, in bfloat16: values come to lie
    between 0.7 and 1.2, which is as good as 1 for an update.

    >>> orthogonalize(torch.diag(torch.tensor([3.0, 1.0]))[None]).diagonal(0, 1, 2).round().tolist()
    [[1.0, 1.0]]
    """
    a, b, c = COEFFICIENTS
    x = matrices.bfloat16()
    tall = x.shape[1] > x.shape[2]
    if tall:
        x = x.mT
    x = x / torch.linalg.matrix_norm(x, keepdim=True).clamp_min(EPS)
    for _ in range(ITERATIONS):
        gram = x @ x.mT
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x.mT if tall else x


def _rows(tensor: Tensor, *, like: Tensor) -> Tensor:
    """Return `tensor` as (rows, columns), the columns in the order that `like` has in memory."""
    if not like.is_contiguous():
        tensor = tensor.permute(0, *range(2, like.ndim), 1)
    return tensor.reshape(len(tensor), -1)


def _unrows(rows: Tensor, *, like: Tensor) -> Tensor:
    """Return the inverse of `_rows`: a tensor of the shape and the order in memory of `like`."""
    if like.is_contiguous():
        return rows.reshape(like.shape)
    kernel = rows.reshape(len(like), *like.shape[2:], like.shape[1])
    return kernel.permute(0, -1, *range(1, like.ndim - 1))
