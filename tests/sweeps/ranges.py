"""Values within and outside a declared range, and the form of a refusal."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.trainers.declare.kinds import Declared, Kind

__all__ = ["assert_one_line", "invalid_values", "valid_ends"]


def invalid_values(declared: Declared) -> Iterator[Any]:
    """Yield values below, above, not finite, of a wrong type, and null."""
    if not declared.null:
        yield None
    yield {"a": 1}
    yield [[1]]
    if declared.kind is Kind.CHOICE:
        yield from ("sometimes", 3, True)
    elif declared.kind is Kind.TEXT:
        yield from ("", True)
    elif declared.kind is Kind.FLAG:
        yield from (1, "yes", 0.5)
    else:
        yield from ("fast", True)
        if declared.kind is Kind.PAIR:
            yield from ([1], [1, 0.5], 0.5, *([v, v] for v in _outside(declared)))
        elif declared.kind is Kind.NUMBERS:
            yield from (0.5, *([v] for v in _outside(declared)))
        else:
            yield from _outside(declared)
            yield from [0.5] if declared.kind in (Kind.WHOLE, Kind.SIZE) else []
            yield from ([8], [8, 0], [8, 8, 8], [8, "a"]) if declared.kind is Kind.SIZE else []


def _outside(declared: Declared) -> Iterator[float]:
    yield from (math.nan, math.inf, -math.inf)
    for bound in (declared.above, declared.below):
        if bound is not None:
            yield bound
    if declared.at_least is not None:
        yield declared.at_least - 1
    if declared.above is not None:
        yield declared.above - 1
    for bound in (declared.at_most, declared.below):
        if bound is not None:
            yield bound + 1
    if declared.step is not None:
        yield from ((declared.at_least or 0) + each for each in range(1, declared.step))


def valid_ends(declared: Declared) -> Iterator[Any]:
    """Yield the ends of the range, each as near as it is taken."""
    if declared.null:
        yield None
    if declared.kind in (Kind.CHOICE, Kind.FLAG, Kind.TEXT):
        yield from declared.words or ([True, False] if declared.kind is Kind.FLAG else [])
        return
    low, high = declared.at_least, declared.at_most
    whole = declared.kind in (Kind.WHOLE, Kind.SIZE)
    if declared.above is not None:
        low = math.nextafter(declared.above, math.inf)
    if declared.below is not None:
        high = math.nextafter(declared.below, -math.inf)
    ends = [int(end) if whole else end for end in (low, high) if end is not None]
    if declared.kind is Kind.PAIR:
        yield from ([end, end] for end in ends)
    elif declared.kind is Kind.NUMBERS:
        yield from ([end] for end in ends)
    else:
        yield from ends
        yield from [[ends[0], 8]] if declared.kind is Kind.SIZE else []
        yield from [ends[0] + 2 * declared.step] if declared.step is not None else []


def assert_one_line(error: pytest.ExceptionInfo[UserError], key: str) -> None:
    """Check that the message is one line and contains `key`."""
    assert "\n" not in str(error.value)
    assert key in str(error.value)
