"""What torch's protocol lets an optimizer be handed: a function that computes the loss."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

__all__ = ["call_closure"]


def call_closure(closure: Callable[[], Any] | None) -> Any:
    """Return the loss of `closure`, which has then computed gradients; None without a closure."""
    if closure is None:
        return None
    with torch.enable_grad():
        return closure()
