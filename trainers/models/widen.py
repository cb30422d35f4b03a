"""Maxout units: a layer several times as wide, and the largest of each few channels."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from darkmagic.trainers.models.draw import resample_init
from darkmagic.trainers.models.graph import Call, Trace
from darkmagic.trainers.models.places import sole_layer
from darkmagic.trainers.models.weights import has_own_weight

__all__ = ["Maxout", "widen_for_maxout"]


class Maxout(nn.Module):
    """The largest of each `pieces` neighbouring channels, which are dimension `dim`.

    That is 1 of maps, and the last of vectors and tokens.
    """

    def __init__(self, pieces: int, dim: int = 1) -> None:
        super().__init__()
        self.pieces, self.dim = pieces, dim

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, C, ...) of `x` (B, C * pieces, ...), or (..., C) of (..., C * pieces)."""
        if self.dim == -1:
            return x.reshape(*x.shape[:-1], -1, self.pieces).amax(-1)
        grouped = x.reshape(len(x), -1, self.pieces, *x.shape[2:])
        return grouped.amax(2)

    def extra_repr(self) -> str:
        """Return the number of pieces."""
        return str(self.pieces)


def widen_for_maxout(trace: Trace, activation: Call, pieces: int) -> Maxout | None:
    """Give the layer whose result `activation` takes `pieces` times as many channels, in place.

    Also the batch norms in between. The first of each `pieces` channels keeps
    its weights; the others are drawn as the layer's own were. Returns the maxout to put in the
    activation's place; None, and changes nothing, if there is no such layer, or if it is called
    elsewhere as well, or its weight is computed from other parameters.
    """
    norms: list[_NormBase] = []
    op = activation.input
    while op is not None and "batch_norm" in op.name and len(trace.consumers(op)) == 1:
        norm = op.call.module if op.call is not None else None
        if not isinstance(norm, _NormBase) or len(trace.calls_of(norm)) > 1:
            return None
        norms.append(norm)
        op = op.inputs[0] if len(op.inputs) == 1 else None
    layer = sole_layer(trace, op) if op is not None else None
    if layer is None or not has_own_weight(layer):
        return None
    for module in (layer, *norms):
        _widen(module, pieces)
    return Maxout(pieces, -1 if isinstance(layer, nn.Linear) else 1)


@torch.no_grad()
def _widen(module: nn.Module, pieces: int) -> None:
    for name, parameter in module.named_parameters(recurse=False):
        wide = nn.Parameter(_repeated(parameter, pieces), parameter.requires_grad)
        setattr(module, name, wide)
    for name, buffer in module.named_buffers(recurse=False):
        if buffer.ndim > 0:
            setattr(module, name, _repeated(buffer, pieces))
    for size in ("out_channels", "out_features", "num_features"):
        if hasattr(module, size):
            setattr(module, size, getattr(module, size) * pieces)


def _repeated(values: Tensor, pieces: int) -> Tensor:
    wide = resample_init(values, (len(values), pieces, *values.shape[1:]))
    wide[:, 0] = values
    return wide.flatten(0, 1)
