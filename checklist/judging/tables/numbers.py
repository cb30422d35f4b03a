"""The numbers of a column, as people write them: percent signs, decimal commas, failures, ±."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.judging.tables.table import Cell

__all__ = ["Column", "Reading", "decimal_step", "is_numeric", "read_column"]

FAILED = re.compile(
    r"nan|[+-]?inf(inity)?|fail|crash|error|exception|oom|out of memory|kill|time.?out|diverg|abort"
    r"|cancel|interrupt|preempt|pruned|missing|none|null|n/?a|nil|#n/a|-+|\u2014|\u2013|\?",
    re.IGNORECASE,
)
"""What is written in place of a number where there is none: words of failure may go on."""
WHOLE = ("none", "null", "na", "n/a", "nil", "#n/a", "?", "missing")
NUMBER = re.compile(r"[+-]?(\d[\d.,_ \u00a0\u202f']*|[.,]\d+)([eE][+-]?\d+)?")
PLUS_MINUS = re.compile(r"\s*(?:±|\+/?-|\\pm|\$\\pm\$)\s*")
THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2}(,\d{3})+")
MAX_DIGITS = 9
"""Significant digits from which numbers are taken as continuous, not as rounded."""


@dataclass(frozen=True)
class Reading:
    """A cell as a number; None with the `failure` in its place. `sd` is what stands behind ±."""

    value: float | None
    failure: str = ""
    sd: float | None = None


@dataclass(frozen=True)
class Column:
    """The numbers of a column. `unit` is `%` where they were written so; they are multiples of
    `step`, 0 if they are continuous.
    """

    readings: tuple[Reading, ...]
    unit: str = ""
    step: float = 0.0


def is_numeric(cells: Sequence[Cell]) -> bool:
    """Whether there are numbers among the cells, and nothing else but failures.

    >>> is_numeric(["0.93", "failed", ""]), is_numeric(["relu", "3"]), is_numeric(["", None])
    (True, False, False)
    """
    found = False
    for cell in cells:
        if isinstance(cell, bool):
            return False
        if isinstance(cell, str):
            text = _plain(cell)
            if _looks_like_number(text):
                found = True
            elif not _fails(text):
                return False
        elif cell is not None:
            found = found or math.isfinite(cell)
    return found


def read_column(
    name: str, cells: Sequence[Cell], places: Sequence[str], decimal: str | None = None
) -> Column:
    """Return the numbers of column `name`; raise `UserError` for what is none.

    `places` say where each cell is from; `decimal` is the sign before decimals, `.` or `,`, which
    is guessed where None.

    >>> column = read_column("acc", ["93,1 %", "failed"], ["line 2", "line 3"])
    >>> column.readings[0].value, column.readings[1].failure, column.unit, column.step
    (93.1, 'failed', '%', 0.1)
    """
    texts = [_plain(cell) if isinstance(cell, str) else None for cell in cells]
    sign = decimal or _decimal_sign(name, [text for text in texts if text])
    readings = []
    percent = 0
    for cell, text, place in zip(cells, texts, places, strict=True):
        if isinstance(cell, bool):
            raise UserError(f"{place}: column {name!r} is {cell}, which is no number")
        if text is None:
            readings.append(_of_number(cell if not isinstance(cell, str) else None))
            continue
        percent += text.endswith("%")
        readings.append(_of_text(name, text, place, sign))
    numbers = sum(reading.value is not None for reading in readings)
    if percent and percent < numbers:
        raise UserError(
            f"column {name!r} has a percent sign on {percent} of {numbers} numbers: write all of "
            "them in one unit"
        )
    return Column(tuple(readings), "%" if percent else "", _step(readings))


def decimal_step(values: Sequence[float]) -> float:
    """Return the power of ten that all `values` are multiples of, at most 1; 0 if continuous.

    >>> decimal_step([93.1, 93.25]), decimal_step([120.0, 130.0]), decimal_step([1 / 3])
    (0.01, 1.0, 0.0)
    """
    decimals = 0
    for value in values:
        exponent = Decimal(repr(float(value))).normalize().as_tuple().exponent
        decimals = max(decimals, -int(exponent))
    largest = max(map(abs, values), default=0.0)
    step = 10.0**-decimals
    return step if largest == 0 or step * 10**MAX_DIGITS >= largest else 0.0


def _step(readings: Sequence[Reading]) -> float:
    numbers = [n for r in readings for n in (r.value, r.sd) if n is not None]
    return decimal_step(numbers)


def _plain(text: str) -> str:
    """Return `text` without what tables put around a number: white space, bold, quotes."""
    return text.replace("\u2212", "-").strip().strip("*`\"'$ ").strip()


def _fails(text: str) -> bool:
    if not text:
        return True
    found = FAILED.match(text)
    word = found.group().lower() if found else ""
    # `none` and the like are all of the cell; `failed: no data` begins with a word of failure.
    return bool(found) and (text.lower() == word or (word not in WHOLE and word.isalpha()))


def _looks_like_number(text: str) -> bool:
    head, *tail = PLUS_MINUS.split(text.removesuffix("%").strip(), maxsplit=1)
    return all(_is_number(part.removesuffix("%").strip()) for part in (head, *tail))


def _is_number(text: str) -> bool:
    """Whether `text` is a number with one of both signs before its decimals."""
    signs = (_to_float(text, sign) for sign in ".,")
    return bool(NUMBER.fullmatch(text)) and any(number is not None for number in signs)


def _decimal_sign(name: str, texts: Sequence[str]) -> str:
    """Return the sign before decimals that fits all of the numbers."""
    numbers = [part for text in texts for part in PLUS_MINUS.split(text.removesuffix("%").strip())]
    with_comma = [n for n in numbers if "," in n and NUMBER.fullmatch(n)]
    if not with_comma:
        return "."
    dotted = next((n for n in numbers if "." in n and "," not in n), None)
    for number in with_comma:
        if "." in number:
            return "." if number.rindex(".") > number.rindex(",") else ","
    if dotted and not all(THOUSANDS.fullmatch(number) for number in with_comma):
        raise UserError(
            f"column {name!r} has both {with_comma[0]} and {dotted}: say which sign is before "
            "decimals with --decimal , or --decimal ."
        )
    if all(THOUSANDS.fullmatch(number) for number in with_comma):
        if any("." in number for number in numbers):
            return "."
        raise UserError(
            f"column {name!r}: {with_comma[0]} may be {with_comma[0].replace(',', '.')} or "
            f"{with_comma[0].replace(',', '')}; say which with --decimal , or --decimal ."
        )
    return ","


def _of_number(cell: float | None) -> Reading:
    if cell is None:
        return Reading(None, "empty")
    return Reading(float(cell)) if math.isfinite(cell) else Reading(None, f"{float(cell)}")


def _of_text(name: str, text: str, place: str, decimal: str) -> Reading:
    if not text:
        return Reading(None, "empty")
    if not _looks_like_number(text):
        if _fails(text):
            return Reading(None, text)
        raise UserError(
            f"{place}: column {name!r} is {text!r}, neither a number nor a word for a failure such "
            "as failed, crashed or nan"
        )
    parts = PLUS_MINUS.split(text.removesuffix("%").strip(), maxsplit=1)
    numbers = [_to_float(part.removesuffix("%").strip(), decimal) for part in parts]
    if any(number is None for number in numbers):
        raise UserError(
            f"{place}: column {name!r} is {text!r}, which is no number with {decimal!r} before "
            "its decimals"
        )
    value = numbers[0]
    assert value is not None
    if not math.isfinite(value):
        return Reading(None, text)
    return Reading(value, sd=numbers[1] if len(numbers) > 1 else None)


def _to_float(text: str, decimal: str) -> float | None:
    other = "," if decimal == "." else "."
    if other in text and not re.fullmatch(
        rf"[+-]?\d{{1,3}}(\{other}\d{{3}})+(\{decimal}\d+)?", text
    ):
        return None  # no sign between thousands
    for mark in (other, "_", " ", "\u00a0", "\u202f", "'"):
        text = text.replace(mark, "")
    try:
        return float(text.replace(decimal, "."))
    except ValueError:
        return None
