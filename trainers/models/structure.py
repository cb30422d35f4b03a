"""The parts of a network that tricks name: residual blocks, gates, stem, downscaling layers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from darkmagic.trainers.models.graph import Call, Op, Trace
from darkmagic.trainers.models.operators import ACTIVATIONS, NORMS, POOLS, SCALINGS

__all__ = [
    "Residual",
    "downscaling_activations",
    "find_gates",
    "find_residuals",
    "gated",
    "is_norm",
    "last_layer",
    "stem_activations",
]


@dataclass(frozen=True, eq=False)
class Residual:
    """A sum of a branch and a shortcut that start at one operation.

    `branch` and `shortcut` hold the operations after `fork`, in execution order; `end` is
    the one of the branch that `add` reads.
    """

    fork: Op
    add: Op
    end: Op
    branch: tuple[Op, ...]
    shortcut: tuple[Op, ...]

    @property
    def convolutional(self) -> bool:
        """Whether feature maps are added, and the branch convolves."""
        return len(self.add.shape) == 4 and any(op.is_convolution for op in self.branch)


def find_residuals(trace: Trace) -> list[Residual]:
    """Return every residual sum, of feature maps or of tokens.

    A sum of two tensors of one shape is one when both come from one operation, and the second
    way there is short: fewer operations, and at most one convolution, which projects.
    """
    found = []
    for add in trace.ops:
        if add.name != "add" or len(add.inputs) != 2 or len(add.shape) < 3:
            continue
        one, other = add.inputs
        common = one.ancestors & other.ancestors
        if one.shape != other.shape or not common:
            continue
        fork = trace.ops[common.bit_length() - 1]
        ways = [(trace.ops_of(op.ancestors & ~fork.ancestors), op) for op in (one, other)]
        sizes = [(_convolutions(way), len(way)) for way, _ in ways]
        (shortcut, _), (branch, end) = ways if sizes[0] < sizes[1] else ways[::-1]
        if sizes[0] != sizes[1] and _convolutions(shortcut) <= 1:
            found.append(Residual(fork, add, end, branch, shortcut))
    return found


def _convolutions(ops: tuple[Op, ...]) -> int:
    return sum(op.is_convolution for op in ops)


def last_layer(op: Op) -> Call | None:
    """Return the innermost module call that `op` is the result of.

    If it is none's, searches back over functional activations, norms and scalings by a constant;
    None if any other operation is found first.
    """
    while True:
        if op.call is not None and op.call.output is op:
            return op.call
        if len(op.inputs) != 1 or op.shape != op.inputs[0].shape:
            return None
        if op.name not in ACTIVATIONS | SCALINGS and not is_norm(op):
            return None
        op = op.inputs[0]


def gated(trace: Trace, ops: tuple[Op, ...]) -> bool:
    """Whether `ops` multiply feature maps by something pooled from themselves."""
    return any(True for _ in find_gates(trace, ops))


def find_gates(trace: Trace, ops: Iterable[Op]) -> Iterator[tuple[Op, Op, Op]]:
    """Yield maps, their pooling and the end of each gate: `ops` multiply the maps by it."""
    pools = [op for op in trace.ops if op.name in POOLS]
    for product in ops:
        if product.name != "mul" or len(product.inputs) != 2:
            continue
        for maps, gate in (product.inputs, product.inputs[::-1]):
            for pool in pools:
                if gate.follows(pool) and pool.follows(maps):
                    yield maps, pool, gate


def stem_activations(trace: Trace) -> list[Call]:
    """Return the activation modules of the stem.

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
    return _activation_calls([op for op in stem if op.is_map])


def downscaling_activations(trace: Trace) -> list[Call]:
    """Return the activation modules of downscaling layers.

    A downscaling layer is a convolution or pooling of stride 2 or more, outside shortcuts,
    with a convolution after it. Its activation is the one that acts on its result before
    another convolution or a sum does; else the one before it, with no sum in between.
    """
    skipped = {op for residual in find_residuals(trace) for op in residual.shortcut}
    found: dict[Op, None] = {}
    for op in trace.ops:
        if op.stride < 2 or len(op.shape) != 4 or op in skipped:
            continue
        if any(other.follows(op) for other in trace.convolutions if other is not op):
            found.update(dict.fromkeys(_activations_after(trace, op) or _activation_before(op)))
    return _activation_calls(list(found))


def _activations_after(trace: Trace, op: Op) -> list[Op]:
    found = []
    for after in trace.consumers(op):
        if after.name in ACTIVATIONS or after.name == "amax":  # maxout's, which no other replaces
            found.append(after)
        elif is_norm(after) or (after.name in (*SCALINGS, "view") and len(after.inputs) == 1):
            found += _activations_after(trace, after)
    return found


def _activation_before(op: Op) -> list[Op]:
    while len(op.inputs) == 1:
        op = op.inputs[0]
        if op.name in ACTIVATIONS:
            return [op]
    return []


def _activation_calls(ops: list[Op]) -> list[Call]:
    """Return the calls whose only operation is an activation; a functional one has no module."""
    return [
        op.call
        for op in ops
        if op.name in ACTIVATIONS
        and op.call is not None
        and op.call.output is op
        and op.call.input is op.inputs[0]
    ]


def is_norm(op: Op) -> bool:
    """Whether `op` normalises."""
    return any(norm in op.name for norm in NORMS)
