"""Updates of many tensors in a few launches, by a factor of the host or of the device.

A captured step reads its rates from tensors (`step.tensor_schedule`), which torch's `alpha` and
`weight` do not take. Without one they are torch's own operations, to the bit.
"""

from __future__ import annotations

from torch import (
    Tensor,
    _foreach_add,
    _foreach_add_,
    _foreach_lerp_,
    _foreach_mul,
    _foreach_mul_,
)

__all__ = ["add_scaled", "add_scaled_", "lerp_"]

Tensors = list[Tensor]


def add_scaled(ours: Tensors, theirs: Tensors, factor: float | Tensor) -> list[Tensor]:
    """Return `ours + factor * theirs`, a tensor each."""
    if isinstance(factor, Tensor):
        scaled = _foreach_mul(theirs, factor)
        _foreach_add_(scaled, ours)
        return list(scaled)
    return list(_foreach_add(ours, theirs, alpha=factor))


def add_scaled_(ours: Tensors, theirs: Tensors, factor: float | Tensor) -> None:
    """Add `factor * theirs` to `ours`."""
    if isinstance(factor, Tensor):
        _foreach_add_(ours, _foreach_mul(theirs, factor))
    else:
        _foreach_add_(ours, theirs, alpha=factor)


def lerp_(ours: Tensors, theirs: Tensors, weight: float | Tensor) -> None:
    """Move `ours` towards `theirs`: 0 leaves them as they are and 1 copies, both exactly.

    >>> ours = [torch.zeros(2)]
    >>> lerp_(ours, [torch.ones(2)], torch.tensor(0.25))
    >>> ours
    [tensor([0.2500, 0.2500])]
    """
    if isinstance(weight, Tensor):
        _foreach_mul_(ours, 1 - weight)
        _foreach_add_(ours, _foreach_mul(theirs, weight))
    else:
        _foreach_lerp_(ours, theirs, weight)
