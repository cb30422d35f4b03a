"""Ranges of a trick's numbers: `search:` in an option's file says where tuning looks for each."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.trainers.declare.kinds import Declared, Kind, show

__all__ = ["SEARCH", "Range", "read_ranges"]

SEARCH = "search"
KEYS = ("low", "high", "log", "step")
EXAMPLE = "{low: 0.1, high: 1.0, log: true}"


@dataclass(frozen=True)
class Range:
    """Where tuning looks for a number: `log` over orders of magnitude, in steps of `step` if any.

    `whole` numbers have no step of less than 1.
    """

    low: float
    high: float
    log: bool = False
    step: float | None = None
    whole: bool = False

    def around(self, value: float) -> Range:
        """Return the range that has `value` too: the recipe's own number can always be drawn.

        >>> Range(0.1, 1.0).around(2.0).high
        2.0
        """
        return Range(min(self.low, value), max(self.high, value), self.log, self.step, self.whole)

    def fit(self, value: float) -> float:
        """Return the nearest number within the range."""
        near = min(max(value, self.low), self.high)
        return round(near) if self.whole else near


def read_ranges(
    key: str, content: Mapping[str, Any], declared: Mapping[str, Declared], note: str = ""
) -> dict[str, Range]:
    """Return the ranges that the trick `key`, whose resolved node is `content`, declares by field.

    `declared` are the fields of its class. Raises `UserError` naming the key, with `note` after it.
    """
    search = content.get(SEARCH)
    if search is None:
        return {}
    if not isinstance(search, Mapping):
        raise UserError(
            f"{key}.{SEARCH}={show(search)}{note}: it takes a range for each field, {{alpha: "
            f"{EXAMPLE}}}"
        )
    numbers = [name for name in content if _is_number(content[name])]
    found = {}
    for name, node in search.items():
        if name in declared and name not in content:
            continue  # left out on the command line, so that it has its default
        if name not in numbers:
            raise UserError(
                f"{key}.{SEARCH}.{name}{note}: there is no number {name!r} to search; "
                + nearest(str(name), map(str, numbers))
            )
        found[str(name)] = _read(f"{key}.{SEARCH}.{name}", node, content[name], declared, note)
    return found


def _read(key: str, node: Any, value: float, declared: Mapping[str, Declared], note: str) -> Range:
    if not isinstance(node, Mapping) or not {"low", "high"} <= set(node):
        raise UserError(f"{key}={show(node)}{note}: it takes a range, such as {EXAMPLE}")
    for each in node:
        if each not in KEYS:
            raise UserError(f"{key}.{each}{note}: no key {each!r}; {nearest(str(each), KEYS)}")
    low, high, log, step = (_get(node, name) for name in KEYS)
    name = key.rpartition(".")[2]
    of_class = declared.get(name)
    for end, number in (("low", low), ("high", high)):
        problem = "it takes a number" if not _is_number(number) else None
        if problem is None and of_class is not None:
            problem = of_class.problem(name, number)
        if problem is not None:
            raise UserError(f"{key}.{end}={show(number)}{note}: {problem}")
    whole = isinstance(value, int) if of_class is None else of_class.kind is Kind.WHOLE
    found = Range(low, high, log is True, step, whole)
    problem = "log takes true or false" if not isinstance(log, bool | None) else _problem(found)
    if problem is not None:
        raise UserError(f"{key}={show(dict(node))}{note}: {problem}")
    return found


def _problem(span: Range) -> str | None:
    """Return why there can be no such range; None if there can."""
    if not span.low < span.high:
        return "need low < high"
    if span.log and span.low <= 0:
        return "need low > 0 where log is true"
    if span.step is None:
        return None
    if not _is_number(span.step) or span.step <= 0 or span.log:
        return "step takes a number > 0, without log: true"
    if span.whole and span.step != int(span.step):
        return "step takes a whole number, as the field does"
    return None


def _get(node: Mapping[str, Any], name: str) -> Any:
    return node.get(name)


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
