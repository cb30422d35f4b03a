"""What the sweep cost, and what each change costs for what it gains."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.report.advice.picks import probable
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.formatting import count_of, duration
from darkmagic.checklist.report.page.pictures.axis import Axis, Tick
from darkmagic.checklist.report.page.pictures.forest import sorted_rows

__all__ = ["Costs", "Point", "costs_of", "spent"]

MARGIN = 0.12
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
APART = 5.0
"""Percent of the picture's height that two letters keep between them."""


@dataclass(frozen=True)
class Point:
    """A row at `x` and `y` percent from the lower left; `letter` is its name in the picture.

    `letter_y` is where the letter stands, clear of the others.
    """

    row: Row
    x: float
    y: float
    letter: str
    letter_y: float


@dataclass(frozen=True)
class Costs:
    """Gain against time a step; `x` and `y` are where the baseline is."""

    points: tuple[Point, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    x: float
    y: float


def spent(report: Report) -> str:
    """Return what the runs took together, in a sentence; empty where it is not known."""
    setup = report.setup
    if not setup.runs or setup.seconds is None:
        return ""
    each = f", {duration(report.run_seconds)} each" if report.run_seconds else ""
    return f"{count_of(setup.runs, 'run')} took {duration(setup.seconds)} of training{each}."


def costs_of(report: Report) -> Costs | None:
    """Return the picture; None where times or differences are not known."""
    rows = [row for row in sorted_rows(report) if row.difference is not None and row.ratios["time"]]
    base = report.comparison.baseline
    if not rows or base.ratios["time"] is None:
        return None
    times = [1.0, *(r.ratios["time"].value for r in rows if r.ratios["time"] is not None)]
    gains = [0.0, *(row.difference or 0.0 for row in rows)]
    across, up = _axis(times), _axis(gains)
    points = []
    for row in rows:
        time = row.ratios["time"]
        assert time is not None
        points.append((row, across.at(time.value), up.at(row.difference or 0.0)))
    named = dict(_letters(points, [row.name for row in probable(report.comparison)]))
    return Costs(
        tuple(Point(row, x, y, *named.get(row.name, ("", y))) for row, x, y in points),
        tuple(across.ticks()),
        tuple(up.ticks(signed=True)),
        across.at(1.0),
        up.at(0.0),
    )


def _axis(values: list[float]) -> Axis:
    low, high = min(values), max(values)
    margin = MARGIN * (high - low) or 0.1 * (abs(high) or 1.0)
    return Axis(low - margin, high + margin)


def _letters(
    points: list[tuple[Row, float, float]], maybe: Sequence[str]
) -> Iterator[tuple[str, tuple[str, float]]]:
    """Yield letters of the rows that are decided or to choose, each clear of those above it."""
    chosen = [
        p
        for p in points
        if p[0].on_pareto_front or p[0].name in maybe or p[0].verdict.value in ("better", "worse")
    ]
    above = 100.0 + APART
    for letter, (row, _, y) in zip(LETTERS, sorted(chosen, key=lambda p: -p[2]), strict=False):
        above = max(0.0, min(y, above - APART))
        yield row.name, (letter, above)
