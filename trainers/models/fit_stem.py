"""The stem of a network that was made for 224 pixels, for images that are smaller.

A stem halves the resolution once or twice: a first convolution with a stride, and often a
max-pool. Undoing a halving makes all that follows four times as expensive, and leaves more of
the image to see.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from typing import Literal

import torch
from torch import nn

from darkmagic.trainers.errors import short_message
from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.graph import Call, Op, Trace, evaluating, trace_model
from darkmagic.trainers.models.notes import add_note
from darkmagic.trainers.models.weights import is_plain

__all__ = ["LAST_SIDE", "SMALL_IMAGE", "Stem", "fit_stem"]

Stem = Literal["auto", "keep", "small"]
SMALL_IMAGE = 96
"""Below this many pixels, a stem made for 224 may leave too little of the image."""
LAST_SIDE = 4
"""Pixels of the shorter side of the last feature maps that `auto` wants, where it can."""


def fit_stem(
    network: nn.Module,
    image_size: tuple[int, int],
    stem: Stem = "auto",
    *,
    keep_weights: bool = False,
) -> nn.Module:
    """Return `network`, or a copy of it with another stem, for images of (height, width) pixels.

    `auto` changes nothing from `SMALL_IMAGE` pixels on. Below, it undoes the stem's halvings, the
    max-pool's first, until the last feature maps have `LAST_SIDE` pixels a side: a ResNet has no
    max-pool at 64 pixels, and no stride either at 32. `small` undoes both, at any size, and
    `keep` none. The first convolutions, those that read the image, get stride 1, and new 3x3
    weights where their kernel is larger, unless `keep_weights`. Networks of one convolution, such
    as transformers, cut patches with it and are left alone.

    A stem stays where the network would not run with the other one; a note says so.
    """
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    small = min(image_size) < SMALL_IMAGE
    if stem == "keep" or len(convolutions) < 2 or (stem == "auto" and not small):
        return network
    # At this size every network runs as it was made to; what runs first depends on no size.
    example = torch.zeros(1, convolutions[0].in_channels, SMALL_IMAGE, SMALL_IMAGE)
    images = example.new_zeros(1, example.shape[1], *image_size)
    fitted = network
    for undo in (_without_pool, lambda net, x: _unstrided_stem(net, x, keep_weights=keep_weights)):
        if stem == "auto" and _last_side(fitted, images) >= LAST_SIDE:
            break
        fitted = _undone(fitted, example, images, undo)
    return fitted


def _undone(
    network: nn.Module,
    example: torch.Tensor,
    images: torch.Tensor,
    undo: Callable[[nn.Module, torch.Tensor], nn.Module],
) -> nn.Module:
    """Return an edited copy of `network` if it runs on `images`; else itself, with a note."""
    edited = undo(copy.deepcopy(network), example)
    try:
        with evaluating(edited):
            edited(images)
    except (RuntimeError, ValueError, AssertionError) as error:
        size = "x".join(str(side) for side in images.shape[2:])
        reason = short_message(error)
        add_note(network, f"its stem stays as it is: with a smaller one {size} fails ({reason})")
        return network
    return edited


def _last_side(network: nn.Module, images: torch.Tensor) -> int:
    """Return the shorter side of the last feature maps; 0 where `images` are too small."""
    try:
        trace = trace_model(network, images)
    except (RuntimeError, ValueError, AssertionError):
        return 0
    scale = max(op.scale for op in trace.convolutions)
    return max(min(op.shape[2:]) for op in trace.convolutions if op.scale == scale)


def _first(trace: Trace) -> list[Op]:
    """Return the convolutions with none before them, of which there may be several in parallel."""
    found = trace.convolutions
    return [op for op in found if not any(op.follows(other) for other in found if other is not op)]


def _without_pool(network: nn.Module, example: torch.Tensor) -> nn.Module:
    """Take out, in place, the max-pools with a stride that run before the second convolution."""
    trace = trace_model(network, example)
    first = _first(trace)
    later = min((op.index for op in trace.convolutions if op not in first), default=math.inf)
    pools: dict[Call, nn.Module] = {
        call: nn.Identity()
        for call in trace.calls
        if isinstance(call.module, nn.MaxPool2d)
        and call.output is not None
        and call.output.index < later
        and call.output.stride > 1
    }
    return replace_calls(network, trace, pools)


def _unstrided_stem(network: nn.Module, example: torch.Tensor, *, keep_weights: bool) -> nn.Module:
    """Give the first convolutions stride 1, in place: all of them, or sums would not fit."""
    trace = trace_model(network, example)
    calls = [op.call for op in _first(trace) if op.call is not None and op.stride > 1]
    replacements: dict[Call, nn.Module] = {}
    for call in calls:
        convolution = call.module
        if not isinstance(convolution, nn.Conv2d):
            continue
        if max(convolution.kernel_size) > 3 and is_plain(convolution) and not keep_weights:
            replacements[call] = _small(convolution)
            continue
        convolution.stride = (1, 1)
        if is_plain(convolution):  # another class may pad by itself
            convolution.padding = tuple(side // 2 for side in convolution.kernel_size)
    return replace_calls(network, trace, replacements)


def _small(convolution: nn.Conv2d) -> nn.Conv2d:
    """Return a 3x3 convolution of stride 1 in the place of a larger one, with new weights."""
    new = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        3,
        padding=1,
        groups=convolution.groups,
        bias=convolution.bias is not None,
    )
    nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    return new
