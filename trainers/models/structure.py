"""The parts of a network that tricks name: residual blocks and gates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from darkmagic.trainers.models.graph import Call, Op, Trace
from darkmagic.trainers.models.operators import ACTIVATIONS, NORMS, POOLS, SCALINGS

__all__ = [
    "Residual",
    "find_gates",
    "find_residuals",
    "gated",
    "is_norm",
    "last_layer",
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
    """Return the innermost call of a module that `op` is the result of.

    If it is none's, searches back over functional activations, norms and scalings by a constant;
    if any other operation is found first, the call of a function that makes `op`, or None.
    """
    last = op
    while True:
        if op.call is not None and op.call.output is op:
            return op.call
        if len(op.inputs) != 1 or op.shape != op.inputs[0].shape:
            break
        if op.name not in ACTIVATIONS | SCALINGS and not is_norm(op):
            break
        op = op.inputs[0]
    return last.function if last.function is not None and last.function.output is last else None


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


def is_norm(op: Op) -> bool:
    """Whether `op` normalises."""
    return any(norm in op.name for norm in NORMS)
