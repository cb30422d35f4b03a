"""The weight of a layer, also where it is computed from other parameters.

Weight norm, spectral norm and the like compute `layer.weight` anew whenever it is read, so that
what is written into it in place is lost: it goes to the parameters behind it.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from torch.nn.utils import parametrize

from darkmagic.trainers.errors import short_message
from darkmagic.trainers.trick import NotApplicable

__all__ = ["has_own_weight", "is_plain", "set_weight", "zero_weight"]


def has_own_weight(layer: nn.Module) -> bool:
    """Whether the weight of `layer` is a parameter, and not computed from others."""
    return isinstance(layer._parameters.get("weight"), nn.Parameter)  # noqa: SLF001 (no other way)


def is_plain(layer: nn.Module) -> bool:
    """Whether `layer` is exactly a `Conv2d` or `Linear`, with a weight of its own.

    Subclasses may standardise their weights, or pad by themselves.
    """
    return type(layer) in (nn.Conv2d, nn.Linear) and has_own_weight(layer)


@torch.no_grad()
def set_weight(layer: Any, value: torch.Tensor) -> None:
    """Make `value` the weight of `layer`, or what its parametrisation makes of it.

    Raises `NotApplicable` where the parametrisation has no way back from a weight.
    """
    if parametrize.is_parametrized(layer, "weight"):
        try:
            layer.weight = value
        except (NotImplementedError, RuntimeError, ValueError) as error:
            reason = f"{_computed(layer)} and cannot be set: {short_message(error)}"
            raise NotApplicable(reason) from error
    elif isinstance(getattr(layer, "weight_v", None), nn.Parameter):  # weight norm by a hook
        layer.weight_v.copy_(value)
        layer.weight_g.copy_(torch.norm_except_dim(value, 2, _hook(layer).dim))
    elif isinstance(getattr(layer, "weight_orig", None), nn.Parameter):  # spectral norm, pruning
        layer.weight_orig.copy_(value)
    else:
        layer.weight.copy_(value)
    _compute(layer)


@torch.no_grad()
def zero_weight(layer: Any) -> None:
    """Make the weight of `layer` zero. Raises `NotApplicable` where it cannot be."""
    scale = getattr(layer, "weight_g", None)
    if parametrize.is_parametrized(layer, "weight"):
        scale = getattr(layer.parametrizations["weight"], "original0", None)
    if isinstance(
        scale, nn.Parameter
    ):  # weight norm's; at a direction of zero it would divide by 0
        scale.zero_()
        _compute(layer)
    else:
        set_weight(layer, torch.zeros_like(layer.weight))
    if layer.weight.ne(0).any():  # what is not a number is not zero either
        raise NotApplicable(f"{_computed(layer)} and cannot be zero")


def _hook(layer: nn.Module) -> Any:
    """Return the hook of `layer` that computes its weight, in torch's older way; None without."""
    hooks = layer._forward_pre_hooks.values()  # noqa: SLF001 (no other way)
    return next((hook for hook in hooks if hasattr(hook, "compute_weight")), None)


def _compute(layer: nn.Module) -> None:
    hook = _hook(layer)
    if hook is not None:
        hook(layer, None)


def _computed(layer: Any) -> str:
    by = "a hook"
    if parametrize.is_parametrized(layer, "weight"):
        kinds = layer.parametrizations["weight"]
        by = " and ".join(type(kind).__name__.strip("_") for kind in kinds)
    return f"the weight of a {type(layer).__name__} is computed by {by}"
