"""Numbers as every table and page shows them."""

from __future__ import annotations

from darkmagic.checklist.compare.costs import Ratio
from darkmagic.checklist.compare.rows import Interval, Row
from darkmagic.checklist.metric import ACCURACY, Metric
from darkmagic.checklist.report.published import Published

__all__ = [
    "count_of",
    "duration",
    "expected_gain",
    "interval",
    "p_value",
    "percent",
    "points",
    "probability",
    "published",
    "ratio",
    "unsure_ratio",
    "values",
]

WIDE = 0.1
"""Twice a spread that is not worth a reader's time."""


def points(value: float | None) -> str:
    """Return a difference in points of accuracy, with its sign."""
    return ACCURACY.difference(value)


def interval(value: Interval | None, metric: Metric) -> str:
    """Return an interval of differences in `metric`."""
    if value is None:
        return ""
    return f"{metric.difference(value.low)} to {metric.difference(value.high)}"


def p_value(value: float | None) -> str:
    """Return a p value, with a bound where it is too small to matter."""
    if value is None:
        return ""
    return "<0.001" if value < 0.001 else f"{value:.3f}"


def expected_gain(row: Row, metric: Metric) -> str:
    """Return the gain to expect of a row, as a difference in `metric`."""
    return "" if row.outlook is None else metric.difference(metric.gain(row.outlook.gain))


def probability(row: Row) -> str:
    """Return how probably a row helps, in percent, never as a certainty."""
    return "" if row.outlook is None else percent(row.outlook.helps)


def percent(probability: float) -> str:
    """Return a probability in percent, never as a certainty.

    >>> percent(0.51), percent(0.999), percent(0.001)
    ('51 %', '>99 %', '<1 %')
    """
    shown = 100 * probability
    return "<1 %" if shown < 1 else ">99 %" if shown > 99 else f"{shown:.0f} %"


def ratio(value: Ratio | None, *, spread: bool = False) -> str:
    """Return a ratio to the baseline, with its spread over seeds if asked for."""
    if value is None:
        return ""
    shown = f"{value.value:.2f}x"
    return f"{shown} ±{value.spread:.2f}" if spread and value.spread is not None else shown


def unsure_ratio(value: Ratio | None) -> str:
    """Return a ratio, with its spread over seeds where that is as large as what it tells.

    >>> unsure_ratio(Ratio(1.25, 0.02)), unsure_ratio(Ratio(0.82, 0.19))
    ('1.25x', '0.82x ±0.19')
    """
    wide = value is not None and 2 * (value.spread or 0.0) > max(WIDE, abs(value.value - 1))
    return ratio(value, spread=wide)


def values(row: Row, metric: Metric) -> str:
    """Return every run's value in the unit of `metric`, in the order of their seeds."""
    if row.stands_in:
        return f"{count_of(len(row.accuracies), 'run')}, sd {metric.value(row.spread or 0.0)}"
    return " ".join(metric.value(value) for value in row.accuracies.values())


def published(effect: Published) -> str:
    """Return a published effect with its setting and source."""
    return f"{effect.points:+.2f} ({effect.setting}; {effect.source})"


def duration(seconds: float) -> str:
    """Return about how long, in the unit that suits."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def count_of(number: int, noun: str) -> str:
    """Return a number of things in words.

    >>> count_of(1, "run"), count_of(2, "run"), count_of(2, "class")
    ('1 run', '2 runs', '2 classes')
    """
    plural = "es" if noun.endswith("s") else "s"
    return f"{number} {noun}" + (plural if number != 1 else "")
