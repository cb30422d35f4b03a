"""Places of a network that layers are put in: activations, norms, poolings, stages, the head."""

from __future__ import annotations

import itertools
import math

from torch import nn

from darkmagic.trainers.models.graph import Call, Op, Trace
from darkmagic.trainers.models.structure import ACTIVATIONS, POOLS, find_residuals

__all__ = [
    "call_with_result",
    "classifier",
    "find_activations",
    "gate_ops",
    "global_pooling",
    "is_map",
    "layers",
    "sole_layer",
    "stage_results",
]

_LINEAR = ("addmm", "mm", "bmm")


def layers(trace: Trace) -> list[Op]:
    """Return the convolutions and matrix products, in execution order."""
    return [op for op in trace.ops if op.is_convolution or op.name in _LINEAR]


def classifier(trace: Trace) -> Op | None:
    """Return the last convolution or matrix product; None without any."""
    found = layers(trace)
    return found[-1] if found else None


def is_map(op: Op) -> bool:
    """Whether the result is feature maps of more than one pixel."""
    return len(op.shape) == 4 and math.prod(op.shape[2:]) > 1


def call_with_result(op: Op) -> Call | None:
    """Return the innermost of the module calls that make `op` and return just that."""
    path = op.call.path if op.call is not None else []
    return next((call for call in reversed(path) if call.output is op), None)


def sole_layer(trace: Trace, op: Op) -> nn.Module | None:
    """Return the convolution or linear layer that makes `op`, where it serves no other place.

    None also where something else than the next operation reads its result.
    """
    call = op.call
    if call is None or call.output is not op or len(trace.consumers(op)) != 1:
        return None
    if not isinstance(call.module, (nn.Conv2d, nn.Linear)) or len(trace.calls_of(call.module)) > 1:
        return None
    return call.module


def gate_ops(trace: Trace) -> frozenset[Op]:
    """Return the operations that make gates: from a pooling to the product with its input."""
    pools = [op for op in trace.ops if op.name in POOLS]
    found: set[Op] = set()
    for product in trace.ops:
        if product.name != "mul" or len(product.inputs) != 2:
            continue
        for maps, gate in (product.inputs, product.inputs[::-1]):
            for pool in pools:
                if gate.follows(pool) and pool.follows(maps):
                    found.update(op for op in trace.ops_of(gate.ancestors) if op.follows(pool))
    return frozenset(found)


def find_activations(trace: Trace) -> list[Op]:
    """Return the activations between layers: no gate's, and none of the logits."""
    gates, last = gate_ops(trace), classifier(trace)
    return [
        op
        for op in trace.ops
        if op.name in ACTIVATIONS and op not in gates and last is not None and last.follows(op)
    ]


def stage_results(trace: Trace) -> list[Op]:
    """Return the map that each stage but the last hands on, in execution order.

    A stage is a run of convolutions at one resolution; a residual block whose branch loses
    resolution belongs to the next one as a whole. Gates and the classifier are none.
    """
    gates, last = gate_ops(trace), classifier(trace)
    forks = {op: block.fork for block in find_residuals(trace) for op in block.branch}
    convolutions = [op for op in trace.convolutions if op not in gates and op is not last]
    found: dict[int, Op] = {}  # by area: parallel branches leave a stage once
    for before, after in itertools.pairwise(convolutions):
        area = math.prod(before.shape[2:])
        if area in found or not _is_smaller(after, before):
            continue
        way = [op for op in trace.ops_of(after.ancestors) if _is_smaller(op, before)]
        left = next(op for op in way if op not in gates)
        found[area] = forks.get(left, left.inputs[0])
    return list(found.values())


def _is_smaller(op: Op, than: Op) -> bool:
    """Whether a stride made the map smaller: missing padding does not."""
    return (
        len(op.shape) == 4
        and math.prod(op.shape[2:]) < math.prod(than.shape[2:])
        and op.scale > than.scale
    )


def global_pooling(trace: Trace) -> Op | None:
    """Return the average over all positions that the classifier reads; None without one."""
    gates, last = gate_ops(trace), classifier(trace)
    for op in reversed(trace.ops):
        if (
            op.name in ("mean", "_adaptive_avg_pool2d", "avg_pool2d")
            and op not in gates
            and len(op.inputs) == 1
            and is_map(op.inputs[0])
            and math.prod(op.shape) == math.prod(op.inputs[0].shape[:2])
            and last is not None
            and (last.follows(op) or op.follows(last))
        ):
            return op
    return None
