"""Values of metrics by name, as a source has them."""

from __future__ import annotations

import ast
import json
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

__all__ = ["STEPS", "Found", "add_row", "number", "parse_object", "whole_step"]

STEPS = ("epoch", "step", "global_step", "_step", "iteration", "iter", "trainer/global_step")
"""Names of what counts a row, the first that it has."""
MAX_LITERAL = 10_000  # characters of a line
MAX_VALUES = 100_000
"""Of one metric that are kept: more steps than any curve shows."""


@dataclass
class Found:
    """The values that a source has of each metric: pairs of a step, where one is given, and value.

    >>> found = Found("its output")
    >>> add_row(found, {"epoch": 2, "val_acc": "0.9", "name": "resnet"})
    >>> found.values
    {'val_acc': [(2, 0.9)]}
    """

    where: str
    values: dict[str, list[tuple[int | None, float]]] = field(default_factory=dict)

    def add(self, name: str, value: float, step: int | None = None) -> None:
        """Append a value of `name`."""
        series = self.values.setdefault(name, [])
        if len(series) < MAX_VALUES:
            series.append((step, value))
        else:
            series[-1] = (step, value)

    def series(self, metric: str) -> list[tuple[int, float]]:
        """Return the values of `metric` by step, each step's last; without steps they are counted.

        >>> found = Found("a file", {"loss": [(None, 2.0), (None, 1.0)]})
        >>> found.series("loss")
        [(1, 2.0), (2, 1.0)]
        """
        known = self.values.get(metric, [])
        if any(step is None for step, _ in known):
            return [(count, value) for count, (_, value) in enumerate(known, start=1)]
        return [(step, value) for step, value in dict(known).items() if step is not None]


def add_row(found: Found, row: Mapping[str, Any], names: Iterable[str] | None = None) -> None:
    """Add the numbers of `row`, of `names` alone if given, at the step that the row says."""
    at = next((whole_step(row[name]) for name in STEPS if name in row), None)
    for name, raw in row.items():
        value = number(raw)
        if value is not None and name not in STEPS and (names is None or name in names):
            found.add(str(name), value, at)


def number(value: Any) -> float | None:
    """Return `value` as a number; None where it is none. `nan` is one. A percent sign stays out.

    >>> number("0.5"), number("81.3%"), number("resnet"), number(True)
    (0.5, 81.3, None, None)
    """
    if isinstance(value, bool) or value is None:
        return None
    try:
        if isinstance(value, str):
            value = value.strip().removesuffix("%")
        return float(value)
    except (TypeError, ValueError, OverflowError):
        return None


def whole_step(value: Any) -> int | None:
    """Return `value` as a step; None where it is none, as `nan` and `inf` are.

    >>> whole_step("3"), whole_step(2.0), whole_step("inf")
    (3, 2, None)
    """
    step = number(value)
    return int(step) if step is not None and math.isfinite(step) else None


def parse_object(text: str) -> dict[str, Any] | None:
    """Return the object of a line of JSON; None for another line. Objects within are flattened.

    >>> parse_object('{"val": {"acc": 0.9}, "epoch": 1}')
    {'val/acc': 0.9, 'epoch': 1}
    """
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):
        content = _literal(text)
    if not isinstance(content, dict):
        return None
    return dict(_flat(content, ""))


def _literal(text: str) -> Any:
    """Return what Python printed as a dictionary, as Hugging Face's Trainer does; else None."""
    if len(text) > MAX_LITERAL or not text.startswith("{'"):
        return None
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return None


def _flat(content: Mapping[str, Any], prefix: str) -> Iterable[tuple[str, Any]]:
    for name, value in content.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}/")
        else:
            yield f"{prefix}{name}", value
