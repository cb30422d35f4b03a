"""Places of a network that layers are put in: activations, gates, poolings, the head."""

from __future__ import annotations

import math

from torch import nn

from darkmagic.trainers.models.graph import Call, Op, Trace
from darkmagic.trainers.models.operators import AVERAGES, MATRIX_PRODUCTS
from darkmagic.trainers.models.structure import find_gates, is_norm

__all__ = [
    "call_with_result",
    "classifier",
    "count_other_norms",
    "gate_ops",
    "global_pooling",
    "handed_on",
    "layers",
    "sole_layer",
]


def layers(trace: Trace) -> list[Op]:
    """Return the convolutions and matrix products, in execution order."""
    return [op for op in trace.ops if op.is_convolution or op.name in MATRIX_PRODUCTS]


def classifier(trace: Trace) -> Op | None:
    """Return the last convolution or matrix product; None without any."""
    found = layers(trace)
    return found[-1] if found else None


def call_with_result(op: Op) -> Call | None:
    """Return the innermost call that makes `op`, returns just that, and can be replaced.

    A module with a name goes before a function's call.
    """
    found = [call for call in reversed(op.path) if call.output is op and call.replaceable]
    return next((call for call in found if call.registered), found[0] if found else None)


def handed_on(trace: Trace, op: Op) -> Call | None:
    """Return the call of a module with a name that takes `op` and returns it as it is.

    Such as an `nn.Identity`, or stochastic depth of rate 0. None where more than one operation
    reads the result, which may have come another way.
    """
    if len(trace.consumers(op)) != 1:
        return None
    found = [call for call in trace.calls if call.output is op and call.input is op]
    return next((call for call in reversed(found) if call.registered), None)


def sole_layer(trace: Trace, op: Op) -> nn.Module | None:
    """Return the convolution or linear layer that makes `op`, if it is called only there.

    None also if more than the next operation reads its result.
    """
    call = op.call
    if call is None or call.output is not op or len(trace.consumers(op)) != 1:
        return None
    if not isinstance(call.module, (nn.Conv2d, nn.Linear)) or len(trace.calls_of(call.module)) > 1:
        return None
    return call.module


def gate_ops(trace: Trace) -> frozenset[Op]:
    """Return the operations that make gates: from a pooling to the product with its input."""
    return frozenset(
        op
        for _, pool, gate in find_gates(trace, trace.ops)
        for op in trace.ops_of(gate.ancestors)
        if op.follows(pool)
    )


def global_pooling(trace: Trace) -> Op | None:
    """Return the average over all positions that the classifier reads; None without one."""
    gates, last = gate_ops(trace), classifier(trace)
    for op in reversed(trace.ops):
        if (
            op.name in AVERAGES
            and op not in gates
            and len(op.inputs) == 1
            and op.inputs[0].is_map
            and math.prod(op.shape) == math.prod(op.inputs[0].shape[:2])
            and last is not None
            and (last.follows(op) or op.follows(last))
        ):
            return op
    return None


def count_other_norms(trace: Trace, known: tuple[type[nn.Module], ...]) -> int:
    """Return how many norms of maps there are beside those of `known` classes."""
    holding = {
        around for call in trace.calls if isinstance(call.module, known) for around in call.path
    }
    named = [
        call
        for call in trace.calls
        if "norm" in type(call.module).__name__.lower() and call not in holding
        if call.input is not None and call.output is not None and call.input.is_map
        if call.input.shape == call.output.shape
    ]
    inside = {call for one in named for call in one.path[:-1]}  # of two, the inner one is the norm
    around = {call for call in trace.calls if isinstance(call.module, known)} | set(named)
    bare = [op for op in trace.ops if is_norm(op) and op.is_map and around.isdisjoint(op.path)]
    return len({call.place for call in named if call not in inside}) + len(bare)
