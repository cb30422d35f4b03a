"""What a declared field takes: its type and range, checked and described in one line."""

from __future__ import annotations

import dataclasses
import math
import re
from collections.abc import Sequence
from enum import StrEnum
from numbers import Integral, Real
from typing import Any

__all__ = ["Declared", "Kind", "show"]

LONGEST_SHOWN = 60
"""Characters of a value in a message of one line."""


class Kind(StrEnum):
    """The type of a field, described as after "takes"."""

    NUMBER = "a number"
    WHOLE = "a whole number"
    FLAG = "true or false"
    TEXT = "text"
    CHOICE = "a name"
    PAIR = "two numbers, [low, high]"
    NUMBERS = "a list of numbers"
    SIZE = "a whole number, or [height, width]"


@dataclasses.dataclass(frozen=True)
class Declared:
    """The declaration of one field; `darkmagic.trainers.fields.number` describes the options."""

    kind: Kind
    default: Any = dataclasses.MISSING
    above: float | None = None
    at_least: float | None = None
    below: float | None = None
    at_most: float | None = None
    step: int | None = None
    null: bool = False
    words: tuple[str, ...] = ()
    pattern: str = ""
    such_as: str = ""
    numeric: bool = False
    changes_result: bool = True
    configured: bool = True

    @property
    def required(self) -> bool:
        """Whether there is no default."""
        return self.default is dataclasses.MISSING

    def problem(self, name: str, value: Any) -> str | None:
        """Return why the field `name` cannot be `value`, e.g. `need 0 < eps < 1`; None if it can.

        Values are as Python and YAML have them: numbers of any library, sequences, None.
        """
        if (value is None and self.null) or (isinstance(value, str) and value in self.words):
            return None
        if self.kind is Kind.CHOICE:
            return f"choose from {self._or_null(', '.join(self.words))}"
        if not self._has_type(value):
            return f"{name} takes {self._or_null(', '.join([str(self.kind), *self.words]))}"
        if self.kind is Kind.FLAG or self._within(value):
            return None
        finite = all(map(_is_finite, value if isinstance(value, Sequence) else [value]))
        return f"need {self.range(name)}{self._nearest(value)}" + ("" if finite else ", and finite")

    def _nearest(self, value: Any) -> str:
        """Return the nearest values that a field with a `step` takes, e.g. `, such as 14 or 20`."""
        if self.step is None or not _is_finite(value):
            return ""
        low = int(self.at_least or 0)
        below = low + (value - low) // self.step * self.step
        near = {max(low, below), max(low, below + self.step)}
        valid = " or ".join(str(each) for each in sorted(near) if self._inside(each))
        return f", such as {valid}" if valid else ""

    def range(self, name: str) -> str:
        """Return the values that the field `name` takes, e.g. `0 < eps < 1, or null`."""
        match self.kind:
            case Kind.CHOICE:
                text = "one of " + ", ".join(self.words)
            case Kind.FLAG:
                text = str(self.kind)
            case Kind.TEXT:
                text = self.such_as or "text that is not empty"
            case Kind.PAIR:
                text = f"[low, high] with {self._bounds('low <= high')}"
            case Kind.NUMBERS:
                text = f"a list of numbers, {self._bounds('each')}"
            case Kind.SIZE:
                text = f"a whole number or [height, width], {self._bounds('each')}"
            case Kind.WHOLE:
                text = self._bounds(name, "a whole number")
                text += f" in steps of {self.step}" if self.step is not None else ""
            case Kind.NUMBER:
                text = self._bounds(name, "a number")
        words = "" if self.kind is Kind.CHOICE else "".join(f", {word}" for word in self.words)
        return self._or_null(text + words)

    def _or_null(self, text: str) -> str:
        return f"{text}, or null" if self.null else text

    def _bounds(self, middle: str, unbounded: str = "") -> str:
        low = f"{self.above:g} < " if self.above is not None else ""
        low = f"{self.at_least:g} <= " if self.at_least is not None else low
        high = f" < {self.below:g}" if self.below is not None else ""
        high = f" <= {self.at_most:g}" if self.at_most is not None else high
        if middle == "low <= high" or (low and high):
            return f"{low}{middle}{high}"
        if self.at_least is not None:
            return f"{self.at_least:g} or more"
        if self.above is not None:
            return f"{middle} > {self.above:g}"
        return f"{middle}{high}" if high else unbounded or middle

    def _has_type(self, value: Any) -> bool:
        match self.kind:
            case Kind.FLAG:
                return isinstance(value, bool)
            case Kind.TEXT | Kind.CHOICE:
                return isinstance(value, str) or (self.numeric and _is_number(value))
            case Kind.WHOLE:
                return _is_whole(value)
            case Kind.SIZE:
                sides = value if isinstance(value, Sequence) else [value, value]
                return len(sides) == 2 and all(map(_is_whole, sides))
            case Kind.NUMBER:
                return _is_number(value)
            case Kind.PAIR | Kind.NUMBERS:
                is_list = isinstance(value, Sequence) and not isinstance(value, str)
                fits = is_list and (self.kind is Kind.NUMBERS or len(value) == 2)
                return fits and all(_is_number(each) for each in value)

    def _within(self, value: Any) -> bool:
        match self.kind:
            case Kind.TEXT:
                return re.fullmatch(self.pattern or r"(?s:.+)", str(value)) is not None
            case Kind.PAIR:
                return all(map(self._inside, value)) and value[0] <= value[1]
            case Kind.NUMBERS:
                return all(map(self._inside, value))
            case Kind.SIZE:
                return all(map(self._inside, value if isinstance(value, Sequence) else [value]))
            case _:
                return self._inside(value)

    def _inside(self, value: Any) -> bool:
        """Whether a number is finite and within the bounds."""
        return (
            _is_finite(value)
            and (self.above is None or value > self.above)
            and (self.at_least is None or value >= self.at_least)
            and (self.below is None or value < self.below)
            and (self.at_most is None or value <= self.at_most)
            and (self.step is None or (value - (self.at_least or 0)) % self.step == 0)
        )


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool)


def _is_finite(value: Any) -> bool:
    try:
        return isinstance(value, str) or math.isfinite(value)
    except OverflowError:  # a whole number that no float can hold
        return False


def show(value: Any) -> str:
    """Return `value` as one would type it, in one line that is not too long."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Sequence) and not isinstance(value, str):
        return "[" + ", ".join(show(each) for each in value)[:LONGEST_SHOWN] + "]"
    text = str(value)
    if not text.isprintable() or text != text.strip() or not text:
        text = repr(text)
    return text if len(text) <= LONGEST_SHOWN else text[:LONGEST_SHOWN] + "..."
