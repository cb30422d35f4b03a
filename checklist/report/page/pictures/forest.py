"""The main picture: every difference with its interval, and what was published beside it."""

from __future__ import annotations

from dataclasses import dataclass

from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.formatting import published
from darkmagic.checklist.report.page.pictures.axis import Axis, Tick
from darkmagic.checklist.report.scale import reach_of

__all__ = ["Forest", "Line", "Mark", "forest_of", "sorted_rows"]

BEYOND = 1e-9


@dataclass(frozen=True)
class Mark:
    """A published effect at `at` percent; `beyond` where the picture does not reach so far."""

    at: float
    text: str
    beyond: bool


@dataclass(frozen=True)
class Line:
    """A row's marks in percent of the width. `cut_low` and `cut_high` say that an interval goes on.

    Without a difference all are None, and only `marks` may be there. `expected` is where the gain
    to expect is, between its lower and upper end; empty without an outlook.
    """

    row: Row
    dot: float | None
    low: float | None
    high: float | None
    cut_low: bool
    cut_high: bool
    marks: tuple[Mark, ...]
    expected: tuple[float, ...] = ()


@dataclass(frozen=True)
class Forest:
    """Lines, the largest gain first; `band` is what would not matter, around `zero`."""

    lines: tuple[Line, ...]
    ticks: tuple[Tick, ...]
    zero: float
    band: tuple[float, float]


def sorted_rows(report: Report) -> list[Row]:
    """Return the tricks' rows, the largest gain first and those without a difference last."""
    metric = report.comparison.metric
    rows = enumerate(report.comparison.tricks)
    keyed = [(row.difference is None, -metric.gain(row.difference or 0), i, row) for i, row in rows]
    return [row for *_, row in sorted(keyed, key=lambda key: key[:3])]


def forest_of(report: Report) -> Forest:
    """Return the picture of `report`; without lines where no row has a difference."""
    rows = sorted_rows(report)
    reach = reach_of([row for row in rows if row.difference is not None])
    least = report.comparison.rules.min_effect
    axis = Axis(-reach, reach)
    lines = tuple(_line(report, row, axis) for row in rows)
    if all(line.dot is None for line in lines):
        lines = ()
    ticks = tuple(axis.ticks(7, signed=True))
    return Forest(lines, ticks, axis.at(0.0), (axis.at(-least), axis.at(least)))


def _line(report: Report, row: Row, axis: Axis) -> Line:
    marks = tuple(
        Mark(axis.at(effect.points), published(effect), abs(effect.points) > axis.high + BEYOND)
        for effect in report.published(row)
    )
    if row.difference is None:
        return Line(row, None, None, None, cut_low=False, cut_high=False, marks=marks)
    low = row.interval.low if row.interval else row.difference
    high = row.interval.high if row.interval else row.difference
    outlook, gain = row.outlook, report.comparison.metric.gain
    expected = sorted(map(gain, (outlook.low, outlook.gain, outlook.high))) if outlook else []
    return Line(
        row,
        axis.at(row.difference),
        axis.at(low),
        axis.at(high),
        cut_low=low < axis.low - BEYOND,
        cut_high=high > axis.high + BEYOND,
        marks=marks,
        expected=tuple(map(axis.at, expected)),
    )
