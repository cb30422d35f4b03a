"""Any network as many times as wide: every number of channels but those of image and logits."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _NormBase

from darkmagic.trainers.errors import short_message
from darkmagic.trainers.models.draw import resample_init
from darkmagic.trainers.models.graph import Call, Trace, evaluating, trace_model
from darkmagic.trainers.models.places import classifier, layers
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.models.weights import has_own_weight
from darkmagic.trainers.trick import NotApplicable

__all__ = ["resize_width", "scaled"]

_WIDTHS = {  # the attributes that say how many channels a module has
    _NormBase: ("num_features",),
    nn.GroupNorm: ("num_channels",),
    nn.LayerNorm: ("normalized_shape",),
    nn.PReLU: ("num_parameters",),
    nn.Conv2d: ("in_channels", "out_channels"),
    nn.Linear: ("in_features", "out_features"),
}


def scaled(channels: int, factor: float) -> int:
    """Return `channels` times `factor`, rounded, at least 1: the same for equal numbers."""
    return max(1, round(channels * factor))


def resize_width(model: nn.Module, example: Tensor, factor: float) -> nn.Module:
    """Return `model`, edited in place, with `factor` times as many channels in every layer.

    `example` (B, C, H, W) is what the model takes. New weights are drawn like the old, times
    the square root of how much the fan-in shrank: the variance behind them stays what the
    initialisation made it. Raises `NotApplicable` where a module of an unknown kind holds
    weights, or where the network counts on certain numbers of channels.
    """
    trace = trace_model(model, example)
    logits = trace.calls[0].output
    resized = list(_first_calls(trace))
    for call in resized:
        _check_kind(call.module)
    count_places(len(resized), len(resized))
    for call in resized:
        _resize(trace, call, factor)
    with evaluating(model):
        try:
            shape = model(example).shape
        except (RuntimeError, ValueError) as error:
            reason = short_message(error)
            raise NotApplicable(
                f"the model's widths do not fit together times {factor}: {reason}"
            ) from error
    if logits is None or shape != logits.shape:
        raise NotApplicable(f"times {factor}, the model gives logits of shape {tuple(shape)}")
    return model


def _first_calls(trace: Trace) -> Iterator[Call]:
    """Yield a call of each module that holds tensors of its own."""
    seen: set[nn.Module] = set()
    for call in trace.calls:
        module = call.module
        if module not in seen and any(True for _ in _tensors(module)):
            seen.add(module)
            yield call


def _tensors(module: nn.Module) -> Iterator[tuple[str, Tensor]]:
    yield from module.named_parameters(recurse=False)
    yield from module.named_buffers(recurse=False)


def _check_kind(module: nn.Module) -> None:
    if not isinstance(module, tuple(_WIDTHS)):
        raise NotApplicable(
            f"model_size cannot tell the width of {type(module).__name__}, which holds weights"
        )
    if isinstance(module, (nn.Conv2d, nn.Linear)) and not has_own_weight(module):
        raise NotApplicable(
            f"model_size cannot widen a {type(module).__name__} whose weight is computed from "
            "other parameters"
        )


@torch.no_grad()
def _resize(trace: Trace, call: Call, factor: float) -> None:
    module: Any = call.module
    features = layers(trace)
    reads_image = call.input is None or not any(call.input.follows(op) for op in features)
    last = classifier(trace)
    makes_logits = last is not None and last.call is not None and last.call.module is module
    inner = 1.0 if reads_image else factor
    if not isinstance(module, (nn.Conv2d, nn.Linear)):
        _resize_channels(module, inner)
        return
    old_groups = getattr(module, "groups", 1)
    depthwise = old_groups > 1 and old_groups == module.in_channels
    inputs, outputs = next(names for kind, names in _WIDTHS.items() if isinstance(module, kind))
    setattr(module, inputs, scaled(getattr(module, inputs), inner))
    setattr(module, outputs, scaled(getattr(module, outputs), 1.0 if makes_logits else factor))
    if depthwise:
        module.groups = module.in_channels
    fan_in = module.weight[0].numel()
    kernel = module.weight.shape[2:]
    per_group = getattr(module, inputs) // getattr(module, "groups", 1)
    shape = (getattr(module, outputs), per_group, *kernel)
    gain = math.sqrt(fan_in / (per_group * math.prod(kernel)))
    module.weight = nn.Parameter(resample_init(module.weight, shape) * gain)
    if module.bias is not None:
        module.bias = nn.Parameter(resample_init(module.bias, shape[:1]) * gain)


def _resize_channels(module: Any, factor: float) -> None:
    (name,) = next(names for kind, names in _WIDTHS.items() if isinstance(module, kind))
    if isinstance(module, nn.PReLU) and module.num_parameters == 1:
        return
    old = getattr(module, name)
    new = tuple(scaled(n, factor) for n in old) if isinstance(old, tuple) else scaled(old, factor)
    setattr(module, name, new)
    shape = new if isinstance(new, tuple) else (new,)
    for key, values in list(_tensors(module)):
        if values.ndim > 0:
            drawn = resample_init(values, shape)
            setattr(module, key, nn.Parameter(drawn) if isinstance(values, nn.Parameter) else drawn)
