"""Stages of a network: runs of convolutions at one scale."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from darkmagic.trainers.models.graph import Call, Op, Trace
from darkmagic.trainers.models.places import classifier, gate_ops
from darkmagic.trainers.models.structure import find_gates, find_residuals, is_norm, last_layer

__all__ = ["Stage", "find_stages"]


@dataclass(frozen=True, eq=False)
class Stage:
    """The convolutions at one scale, in execution order, without gates and the classifier.

    `end` is the last of them, or its norm; None where no module computes it. `result` is the
    map that the stage hands on to the next; None of the last. A residual block whose branch
    loses resolution belongs to the next stage as a whole. `gated` says whether a gate
    multiplies the stage's maps.
    """

    convolutions: tuple[Op, ...]
    end: Call | None
    result: Op | None
    gated: bool


def find_stages(trace: Trace) -> list[Stage]:
    """Return the stages of a network from the image on; none without convolutions.

    Strides end a stage: an unpadded convolution, which makes maps smaller too, does not.
    """
    gates, last = gate_ops(trace), classifier(trace)
    convolutions = [op for op in trace.convolutions if op not in gates and op is not last]
    by_scale: dict[int, list[Op]] = {}
    for op in convolutions:
        by_scale.setdefault(op.scale, []).append(op)
    results = _results(trace, convolutions, gates)
    gated_scales = {maps.scale for maps, _, _ in find_gates(trace, trace.ops)}
    return [
        Stage(
            tuple(members),
            _end(trace, members[-1]),
            results.get(scale),
            scale in gated_scales,
        )
        for scale, members in sorted(by_scale.items())
    ]


def _end(trace: Trace, convolution: Op) -> Call | None:
    after = trace.consumers(convolution)
    return last_layer(after[0] if len(after) == 1 and is_norm(after[0]) else convolution)


def _results(trace: Trace, convolutions: Sequence[Op], gates: frozenset[Op]) -> dict[int, Op]:
    """Return, by scale, the map that leaves it.

    Once an area: parallel branches leave a stage once, and a map that was made larger again is of
    the stage of its size. The scale is the largest of an area, since a shortcut that subsamples by
    a slice has the scale of the stage before.
    """
    forks = {op: block.fork for block in find_residuals(trace) for op in block.branch}
    scales: dict[int, int] = {}
    for op in convolutions:
        scales[_area(op)] = max(op.scale, scales.get(_area(op), 0))
    found: dict[int, Op] = {}
    areas: set[int] = set()
    for before, after in itertools.pairwise(convolutions):
        if _area(before) in areas or not _is_smaller(after, before):
            continue
        areas.add(_area(before))
        way = [op for op in trace.ops_of(after.ancestors) if _is_smaller(op, before)]
        left = next(op for op in way if op not in gates)
        found.setdefault(scales[_area(before)], forks.get(left, left.inputs[0]))
    return found


def _area(op: Op) -> int:
    return math.prod(op.shape[2:])


def _is_smaller(op: Op, than: Op) -> bool:
    return len(op.shape) == 4 and _area(op) < _area(than) and op.scale > than.scale
