"""The parts of a network that tricks name: residual blocks and gates."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from darkmagic.trainers.models.graph import Call, Op, Trace
from darkmagic.trainers.models.operators import ACTIVATIONS, NORMS, POOLS, SCALINGS

__all__ = [
    "Residual",
    "count_other_sums",
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

    A sum of two tensors of one shape is one when both come from one tensor, and the second way
    there is shorter: fewer operations, and at most one convolution, or none that an activation
    follows, as in projections. It may be written as an addition, an interpolation or a stack's sum.
    """
    return [found for _, found in _forked_sums(trace) if found is not None]


def count_other_sums(trace: Trace, *, maps: bool) -> int:
    """Return how many sums join two ways from one tensor of which none is a shortcut.

    Those of feature maps if `maps`, of tokens if not. What is inside of a residual block is a part
    of that, such as the parallel convolutions of RepVGG.
    """
    sums = _forked_sums(trace)
    inside = {op for _, block in sums if block for op in (*block.branch, *block.shortcut)}
    return sum(
        block is None and op not in inside and (len(op.shape) == 4) == maps for op, block in sums
    )


def _forked_sums(trace: Trace) -> list[tuple[Op, Residual | None]]:
    """Return the sums of two ways from one tensor, and the residual block that each closes."""
    found: list[tuple[Op, Residual | None]] = []
    for add in trace.ops:
        terms = _terms(add)
        if len(terms) != 2 or len(add.shape) < 3:
            continue
        one, other = terms
        common = one.ancestors & other.ancestors
        if one.shape != other.shape or not common:
            continue
        fork = trace.ops[common.bit_length() - 1]
        ways = [(trace.ops_of(op.ancestors & ~fork.ancestors), op) for op in terms]
        if _read_apart(fork, add, ways[0][0], ways[1][0]):
            continue
        sizes = [(_convolutions(way), len(way)) for way, _ in ways]
        (shortcut, _), (branch, end) = ways if sizes[0] < sizes[1] else ways[::-1]
        short = _convolutions(shortcut) <= 1 or not any(op.name in ACTIVATIONS for op in shortcut)
        block = Residual(fork, add, end, branch, shortcut)
        found.append((add, block if sizes[0] != sizes[1] and short else None))
    return found


def _terms(op: Op) -> tuple[Op, ...]:
    """Return what `op` adds up, where it is data: of a stack, what is stacked."""
    if op.name == "sum" and len(op.inputs) == 1 and op.inputs[0].name == "stack":
        stacked = op.inputs[0].inputs
        return stacked if all(each.shape == op.shape for each in stacked) else ()
    return op.inputs if op.name in ("add", "lerp") else ()


def _read_apart(fork: Op, add: Op, *ways: tuple[Op, ...]) -> bool:
    """Whether the ways from `fork` begin at different ones of its results, as after a split."""
    if len(fork.makes) < 2:
        return False
    made = frozenset(fork.makes)
    read = [frozenset[int]().union(*(op.reads for op in way)) & made for way in ways]
    return (read[0] or add.reads & made).isdisjoint(read[1] or add.reads & made)


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
