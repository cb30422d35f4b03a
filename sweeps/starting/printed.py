"""The text that a script's calls print, with a mark where a value will stand."""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["HOLE", "Printed", "printed", "text_of"]

Text = tuple[str, tuple[str, ...]]
"""With a `HOLE` for each value, and the expressions of the values."""
HOLE = "\0"
"""Stands in a text for a value that is known when the script runs."""
PERCENT_FIELD = re.compile(r"%(?:\(\w+\))?[-+ #0]*[\d*]*(?:\.[\d*]+)?[a-zA-Z]|%%")
BRACE_FIELD = re.compile(r"\{\{|\}\}|\{[^{}]*(?:\{[^{}]*\}[^{}]*)*\}")
PRINTS = {"print", "echo", "secho", "write", "print_rank_0", "rank_zero_info", "main_print"}
LOGS = {"info", "warning", "debug", "error", "critical", "success"}
"""Methods of a logger, which puts values into its text as `%` does, or as `format` does."""


@dataclass(frozen=True)
class Printed:
    """The text of a call and, of each `HOLE` in it, the expression whose value stands there.

    `first` says that the text begins its line.
    """

    text: str
    values: tuple[str, ...]
    first: bool = True


def printed(call: ast.Call) -> Printed | None:
    r"""Return what a call prints; None for a call of another kind.

    >>> printed(ast.parse("print('valid', f'{acc:.2f}')", mode="eval").body)
    Printed(text='valid \x00', values=('acc',), first=True)
    """
    name = name_of(call)
    if name in PRINTS and not any(isinstance(each, ast.Starred) for each in call.args):
        gap = next((each.value for each in call.keywords if each.arg == "sep"), None)
        between = text_of(gap)[0] if gap is not None else " "
        pieces = [text_of(each) for each in call.args]
        return Printed(between.join(text for text, _ in pieces), _joined(pieces))
    if name in LOGS and call.args:
        text, values = text_of(call.args[0])
        if rest := [ast.unparse(each) for each in call.args[1:]]:
            text, values = _fields(PERCENT_FIELD, text, rest)
            if not values:
                text, values = _fields(BRACE_FIELD, text, rest)
        return Printed(text, values, first=False)
    return None


def name_of(call: ast.Call) -> str:
    """Return the last name of what is called, empty where it has none."""
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""


def text_of(node: ast.expr) -> Text:
    """Return the text that an expression makes, and the expressions of the values in it."""
    if isinstance(node, ast.Constant):
        return str(node.value), ()
    if isinstance(node, ast.JoinedStr):
        return _together(node.values)
    if isinstance(node, ast.FormattedValue):
        return text_of(node.value)
    if isinstance(node, ast.BinOp):
        return _of_operator(node)
    return _of_call(node) if isinstance(node, ast.Call) else _value(node)


def _value(node: ast.expr) -> Text:
    return HOLE, (ast.unparse(node),)


def _of_operator(node: ast.BinOp) -> Text:
    if isinstance(node.op, ast.Add) and any(_has_text(each) for each in (node.left, node.right)):
        return _together([node.left, node.right])
    if isinstance(node.op, ast.Mod) and _has_text(node.left):
        right = node.right
        rest = right.elts if isinstance(right, ast.Tuple) else [right]
        return _fields(PERCENT_FIELD, text_of(node.left)[0], [ast.unparse(each) for each in rest])
    return _value(node)


def _of_call(node: ast.Call) -> Text:
    name = name_of(node)
    if isinstance(node.func, ast.Attribute) and name == "format" and _has_text(node.func.value):
        rest = [ast.unparse(each) for each in node.args]
        return _fields(BRACE_FIELD, text_of(node.func.value)[0], rest)
    if isinstance(node.func, ast.Attribute) and name == "join" and node.args:
        pieces = node.args[0].elts if isinstance(node.args[0], ast.List | ast.Tuple) else []
        texts = [text_of(each) for each in pieces]
        return text_of(node.func.value)[0].join(text for text, _ in texts), _joined(texts)
    return text_of(node.args[0]) if name == "str" and node.args else _value(node)


def _has_text(node: ast.expr) -> bool:
    if isinstance(node, ast.BinOp):
        return _has_text(node.left) or _has_text(node.right)
    text = isinstance(node, ast.Constant) and isinstance(node.value, str)
    return text or isinstance(node, ast.JoinedStr)


def _together(nodes: Sequence[ast.expr]) -> Text:
    pieces = [text_of(each) for each in nodes]
    return "".join(text for text, _ in pieces), _joined(pieces)


def _joined(pieces: Sequence[Text]) -> tuple[str, ...]:
    return tuple(value for _, values in pieces for value in values)


def _fields(form: re.Pattern[str], text: str, rest: Sequence[str]) -> Text:
    """Return `text` with a hole for each of its fields, which `rest` fill in their order."""
    values: list[str] = []

    def hole(found: re.Match[str]) -> str:
        if found[0] in ("%%", "{{", "}}"):
            return found[0][0]
        values.append(rest[len(values)] if len(values) < len(rest) else "")
        return HOLE

    return form.sub(hole, text), tuple(values)
