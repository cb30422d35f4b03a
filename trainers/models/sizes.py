"""Whether a network takes images of other sizes than it was built for."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from darkmagic.trainers.augment.resample import resize
from darkmagic.trainers.errors import short_message
from darkmagic.trainers.models.graph import evaluating
from darkmagic.trainers.trick import NotApplicable

__all__ = ["require_size"]


def require_size(model: nn.Module, example: Tensor, size: tuple[int, int]) -> None:
    """Raise `NotApplicable` unless `model` takes `example` (B, C, H, W) at `size` (h, w)."""
    with evaluating(model), torch.no_grad():
        try:
            model(resize(example, size))
        except (RuntimeError, ValueError, AssertionError) as error:
            built, asked = ("x".join(map(str, s)) for s in (example.shape[2:], size))
            reason = short_message(error)
            raise NotApplicable(
                f"the network is for images of {built} and takes none of {asked} ({reason})"
            ) from error
