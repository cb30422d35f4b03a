"""Activations of a network: what bends the results of its layers, and is no gate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from darkmagic.trainers.models.graph import Call, Op, Trace
from darkmagic.trainers.models.operators import ACTIVATIONS, POINTWISE, SCALINGS, SQUASHING
from darkmagic.trainers.models.places import classifier, gate_ops

__all__ = ["ActivationPlace", "activation_places", "gating_ops"]

_BENDING = POINTWISE - SCALINGS - {"sub", "rsub", "neg", "_to_copy"}


@dataclass(frozen=True, eq=False)
class ActivationPlace:
    """One activation: `op` is its result, `ops` all that it computes.

    `call` does just that, and can be replaced; None where nothing does.
    """

    op: Op
    ops: tuple[Op, ...]
    call: Call | None


def activation_places(trace: Trace) -> list[ActivationPlace]:
    """Return the activations between layers, in execution order: no gate's, and none of the logits.

    What a module computes value by value is one activation, such as x * sigmoid(x).
    """
    made = _ops_by_call(trace)
    last, squeezing, gating = classifier(trace), gate_ops(trace), gating_ops(trace)
    between = [op for op in trace.ops if last is not None and last.follows(op)]
    between = [op for op in between if op not in squeezing]
    places: dict[Op, ActivationPlace] = {}  # by each of its operations
    for op in between:
        if op.name in ACTIVATIONS and op not in gating and op not in places:
            call = _sole_work(op)
            if call is None or not call.replaceable:
                call = _own_kind(made, gating, op) or call
            place = _place(made, op, call)
            places.update(dict.fromkeys(place.ops, place))
    for op in between:  # what the network's author wrote of products, powers or conditions
        own = _own_kind(made, gating, op) if op.name in _BENDING and op not in places else None
        if own is not None:
            place = _place(made, op, own)
            places.update(dict.fromkeys(place.ops, place))
    return sorted(dict.fromkeys(places.values()), key=lambda place: place.op.index)


def _place(made: dict[Call, list[Op]], op: Op, call: Call | None) -> ActivationPlace:
    if call is None or not call.replaceable or call.output is None:
        return ActivationPlace(op, (op,), None)
    return ActivationPlace(call.output, tuple(made[call]), call)


def _ops_by_call(trace: Trace) -> dict[Call, list[Op]]:
    """Return what each call computes, the calls in it included."""
    made: dict[Call, list[Op]] = {call: [] for call in trace.calls}
    for op in trace.ops:
        for call in op.path:
            made[call].append(op)
    return made


def _sole_work(op: Op) -> Call | None:
    """Return the innermost call that computes `op` and no more; one to replace, if there is."""
    whole = [c for c in reversed(op.path) if c.output is op and c.input is op.inputs[0]]
    return next((call for call in whole if call.replaceable), whole[0] if whole else None)


def _own_kind(made: dict[Call, list[Op]], gating: frozenset[Op], op: Op) -> Call | None:
    """Return the innermost module around `op` that works value by value on its input alone."""
    around = [call for call in reversed(op.path) if call.output not in gating]
    return next((call for call in around if _is_activation(call, made[call])), None)


def _is_activation(call: Call, ops: list[Op]) -> bool:
    taken, given = call.input, call.output
    if taken is None or given is None or given not in ops or given.shape != taken.shape:
        return False
    outside = {op for each in ops for op in each.inputs} - set(ops)
    slopes = sum(parameter.numel() for parameter in call.module.parameters())
    return (
        call.replaceable
        and outside == {taken}
        and all(op.name in POINTWISE for op in ops)
        and any(op.name in _BENDING or len(op.inputs) > 1 for op in ops)
        and slopes <= max(taken.shape[1:])
    )


def gating_ops(trace: Trace) -> frozenset[Op]:
    """Return the activations that make gates: a factor that the other factor does not come from.

    Where both factors have one, it is the one that squashes, as in t * h + (1 - t) * x with a
    sigmoid t. Activations that act only on what a gate is made of are its own.
    """
    gates: set[Op] = set()
    for product in trace.ops:
        if product.name != "mul" or len(product.inputs) != 2:
            continue
        one, other = product.inputs
        found = [
            bend
            for factor, content in ((one, other), (other, one))
            if (bend := _bend_before(factor)) is not None and not content.follows(bend)
        ]
        squashing = [bend for bend in found if bend.name in SQUASHING]
        for bend in squashing if len(squashing) == 1 else found:
            gates.update(_bends_within(trace, bend))
    return frozenset(gates)


def _bend_before(op: Op) -> Op | None:
    while op.name not in ACTIVATIONS | SQUASHING:
        if len(op.inputs) != 1 or op.name not in POINTWISE | _SHAPING:
            return None
        op = op.inputs[0]
    return op


_SHAPING = frozenset(("view", "unsqueeze", "expand", "permute", "transpose", "slice", "split"))


def _bends_within(trace: Trace, gate: Op) -> Iterator[Op]:
    yield gate
    op = gate
    while len(op.inputs) == 1 and op.inputs[0].name in POINTWISE:
        op = op.inputs[0]
        if len(trace.consumers(op)) > 1:
            return
        yield op
