"""The few expressions that declarations are written in, evaluated without running any code.

A range such as `1 / 25` and a constraint such as `delay + finish < 1` are read from the source
of a class where its module is not imported, and evaluated the same way where it is.
"""

from __future__ import annotations

import ast
import operator
from collections.abc import Callable, Mapping
from typing import Any

__all__ = ["evaluate", "holds", "names_in"]

UNARY: Mapping[type, Callable[[Any], Any]] = {
    ast.UAdd: operator.pos,
    ast.USub: operator.neg,
    ast.Not: operator.not_,
}
BINARY: Mapping[type, Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.Pow: operator.pow,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
}


def evaluate(node: ast.expr, name: Callable[[str], Any]) -> Any:  # noqa: PLR0911 (one a kind)
    """Return the value of an expression of constants, names, arithmetic and comparisons.

    `name` gives the value of a name. Raises `ValueError` for any other kind of expression.
    """
    match node:
        case ast.Constant(value):
            return value
        case ast.Name(id=identifier):
            return name(identifier)
        case ast.Tuple(elts) | ast.List(elts):
            return tuple(evaluate(each, name) for each in elts)
        case ast.UnaryOp(op, operand) if type(op) in UNARY:
            return UNARY[type(op)](evaluate(operand, name))
        case ast.BinOp(left, op, right) if type(op) in BINARY:
            return BINARY[type(op)](evaluate(left, name), evaluate(right, name))
        case ast.BoolOp(op, values):
            found = (bool(evaluate(each, name)) for each in values)
            return all(found) if isinstance(op, ast.And) else any(found)
        case ast.Compare(left, ops, comparators) if all(type(op) in BINARY for op in ops):
            values = [evaluate(each, name) for each in (left, *comparators)]
            pairs = zip(ops, values[:-1], values[1:], strict=True)
            return all(BINARY[type(op)](a, b) for op, a, b in pairs)
    raise ValueError(f"cannot evaluate {ast.unparse(node)!r}: constants and arithmetic only")


def holds(constraint: str, values: Mapping[str, Any]) -> bool:
    """Return whether `constraint`, e.g. `delay + finish < 1`, holds for `values` by name."""
    return bool(evaluate(_parse(constraint), values.__getitem__))


def names_in(constraint: str) -> list[str]:
    """Return the names in `constraint`, each once, in order."""
    names = [node.id for node in ast.walk(_parse(constraint)) if isinstance(node, ast.Name)]
    return sorted(set(names), key=constraint.index)


def _parse(constraint: str) -> ast.expr:
    return ast.parse(constraint, mode="eval").body
