"""The numbers of a column, as people write them."""

from __future__ import annotations

import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.judging.tables.numbers import (
    Column,
    decimal_step,
    is_numeric,
    read_column,
)
from darkmagic.checklist.judging.tables.table import Cell


def _read(*cells: Cell, decimal: str | None = None) -> Column:
    return read_column("acc", cells, [f"line {i}" for i in range(len(cells))], decimal)


def _values(*cells: Cell, decimal: str | None = None) -> list[float | None]:
    return [reading.value for reading in _read(*cells, decimal=decimal).readings]


@pytest.mark.parametrize(
    ("cells", "values"),
    [
        (("0.93", "93.1", "1e-3", "-2", "+.5"), [0.93, 93.1, 0.001, -2.0, 0.5]),
        (("93,1", "92,85"), [93.1, 92.85]),
        (("0,931", "0,925"), [0.931, 0.925]),
        (("1.234,5", "987,25"), [1234.5, 987.25]),
        (("1,234.5", "987.25"), [1234.5, 987.25]),
        (("1,234", "12.5"), [1234.0, 12.5]),
        (("93.1%", " 92 % "), [93.1, 92.0]),
        (("**93.1**", "`92.0`", "\u22122.5"), [93.1, 92.0, -2.5]),
        (("1 234,5", "1\u00a0000,0"), [1234.5, 1000.0]),
        (("93.1 ± 0.2", "92.0 +/- .3", r"91.5 \pm 1"), [93.1, 92.0, 91.5]),
        ((0.5, 3, "7"), [0.5, 3.0, 7.0]),
    ],
)
def test_number_is_read_as_its_writer_meant_it(
    cells: tuple[Cell, ...], values: list[float]
) -> None:
    """Decimal commas, thousands, percent signs, bold type and true minus signs are understood."""
    assert _values(*cells) == values


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "",
            "  ",
            None,
            math.nan,
            math.inf,
            "nan",
            "NaN",
            "-inf",
            "N/A",
            "None",
            "-",
            "\u2014",
            "?",
        ),
        *("failed", "FAILED: no data", "crashed", "OOM", "out of memory", "killed", "timeout"),
        *("time out", "diverged", "error", "missing", "cancelled"),
    ],
)
def test_cell_without_a_number_is_a_failure(cell: Cell) -> None:
    """Nothing, what is no number, and the words that people write for it, are failed runs."""
    column = _read("0.5", cell)
    assert column.readings[1].value is None
    assert column.readings[1].failure
    assert is_numeric(["0.5", cell])


@pytest.mark.parametrize("cell", ["0.9x", "relu", "12:30", "3 of 5", "0.9.1", "okay", True])
def test_other_text_is_refused_with_its_place(cell: Cell) -> None:
    """What is neither a number nor a failure is an error with the place, and never left out."""
    assert not is_numeric(["0.5", cell])
    with pytest.raises(UserError, match=r"^line 1: column 'acc' is"):
        _read("0.5", cell)


@pytest.mark.parametrize(
    ("cells", "message"),
    [
        (("1,234", "5,678"), r"1,234 may be 1.234 or 1234; say which with --decimal"),
        (("93,1", "93.1"), r"has both 93,1 and 93.1"),
        (("93.1%", "0.92"), r"percent sign on 1 of 2 numbers"),
    ],
)
def test_ambiguous_numbers_are_refused(cells: tuple[str, ...], message: str) -> None:
    """Where two readings are possible, neither is taken by chance."""
    with pytest.raises(UserError, match=message):
        _read(*cells)


def test_decimal_sign_can_be_said() -> None:
    """`--decimal` settles what could be read in two ways, and is held to."""
    assert _values("1,234", "5,678", decimal=",") == [1.234, 5.678]
    assert _values("1,234", "5,678", decimal=".") == [1234.0, 5678.0]
    with pytest.raises(UserError, match="no number with ',' before its decimals"):
        _read("93.1", "92.85", decimal=",")


def test_unit_and_step_are_those_of_the_writing() -> None:
    """Percent signs give the unit, decimals the step; floats of a machine are continuous."""
    assert (_read("93.1%", "92%").unit, _read("93.1", "92.05").step) == ("%", 0.01)
    assert _read("0.8018834590911865", "0.5").step == 0.0
    assert _read("93.1 ± 0.25").step == 0.01


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.decimals(-(10**6), 10**6, places=3), min_size=1, max_size=5),
    st.sampled_from([".", ","]),
)
def test_any_number_survives_either_decimal_sign(numbers: list[object], sign: str) -> None:
    """What is written with a sign that was said is read back exactly."""
    texts = [str(number).replace(".", sign) for number in numbers]
    assert _values(*texts, decimal=sign) == [float(str(number)) for number in numbers]


@settings(max_examples=60, deadline=None)
@given(st.lists(st.integers(-9999, 9999), min_size=1, max_size=5), st.integers(0, 5))
def test_step_divides_every_value(numbers: list[int], decimals: int) -> None:
    """All values are multiples of the step, which is no larger than 1."""
    values = [round(number / 10**decimals, decimals) for number in numbers]
    step = decimal_step(values)
    assert 0 < step <= 1
    assert all(abs(value / step - round(value / step)) < 1e-6 for value in values)
