"""Activations of the stem and of the layers that lose resolution."""

from __future__ import annotations

from collections.abc import Iterable

from darkmagic.trainers.models.activations import ActivationPlace, activation_places
from darkmagic.trainers.models.graph import Op, Trace
from darkmagic.trainers.models.operators import SCALINGS
from darkmagic.trainers.models.structure import find_residuals, is_norm

__all__ = ["downscaling_activations", "stem_activations"]


def stem_activations(trace: Trace) -> list[ActivationPlace]:
    """Return the activations of the stem.

    The stem is all that runs before the first residual block; in a network without any, it
    is the first stage: from the first convolution to the next change of scale.
    """
    if not trace.convolutions:
        return []
    first = trace.convolutions[0]
    residuals = find_residuals(trace)
    if residuals:
        last = min(residual.fork.index for residual in residuals)
        stem = [op for op in trace.ops[: last + 1] if op.follows(first)]
    else:
        stem = [op for op in trace.ops if op.follows(first) and op.scale == first.scale]
    # A map of one pixel this early is a gate's, not the stem's.
    return _places(activation_places(trace), [op for op in stem if op.is_map])


def downscaling_activations(trace: Trace) -> list[ActivationPlace]:
    """Return the activations of downscaling layers.

    A downscaling layer is a convolution or pooling of stride 2 or more, outside shortcuts,
    with a convolution after it. Its activation is the one that acts on its result before
    another convolution or a sum does; else the one before it, with no sum in between.
    """
    places = activation_places(trace)
    within = {op: place for place in places for op in place.ops}
    skipped = {op for residual in find_residuals(trace) for op in residual.shortcut}
    found: dict[Op, None] = {}
    for op in trace.ops:
        if op.stride < 2 or len(op.shape) != 4 or op in skipped:
            continue
        if any(other.follows(op) for other in trace.convolutions if other is not op):
            found.update(
                dict.fromkeys(_after(trace, within, op) or _before(within, op)),
            )
    return _places(places, found)


def _after(trace: Trace, within: dict[Op, ActivationPlace], op: Op) -> list[Op]:
    found = []
    for after in trace.consumers(op):
        if after in within or after.name == "amax":  # maxout's, which no other replaces
            found.append(after)
        elif is_norm(after) or (after.name in (*SCALINGS, "view") and len(after.inputs) == 1):
            found += _after(trace, within, after)
    return found


def _before(within: dict[Op, ActivationPlace], op: Op) -> list[Op]:
    while len(op.inputs) == 1:
        op = op.inputs[0]
        if op in within:
            return [op]
    return []


def _places(places: list[ActivationPlace], ops: Iterable[Op]) -> list[ActivationPlace]:
    wanted = set(ops)
    return [place for place in places if not wanted.isdisjoint(place.ops)]
