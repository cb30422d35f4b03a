"""Learning curves and schedules as lines of one large picture each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.model import BASELINE
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.curves import Curve, scaled, thinned
from darkmagic.checklist.report.page.pictures.axis import Axis, Tick
from darkmagic.checklist.report.page.pictures.forest import sorted_rows

__all__ = ["MAX_LINES", "Panel", "Series", "curve_limits", "panels_of", "spans_decades"]

MAX_LINES = 48
"""Rows that are drawn: of more, those with the largest differences."""
MAX_SHOWN = 6
"""Rows that are switched on at first."""
MAX_POINTS = 60
DECADES = 8.0
UNITS = 1000
"""Of the picture's coordinates, to either side."""


@dataclass(frozen=True)
class Series:
    """A line through `points` (`x,y x,y`, from the upper left), and the band of its runs.

    `index` is the row's place in the list of lines, the baseline's 0; `first` says that it is
    switched on at first, and `end` is its last value as text.
    """

    name: str
    index: int
    points: str
    band: str
    first: bool
    end: str


@dataclass(frozen=True)
class Panel:
    """One quantity over epochs. `low` and `high` are what its lower and upper edge stand for."""

    key: str
    title: str
    unit: str
    series: tuple[Series, ...]
    x_ticks: tuple[Tick, ...]
    y_ticks: tuple[Tick, ...]
    low: float
    high: float
    log: bool
    epochs: int


def panels_of(report: Report) -> list[Panel]:
    """Return a panel a quantity: the metric that decides, then the rates where they differ."""
    metric = report.comparison.metric
    names = _names(report)
    found = []
    unit = metric.unit or ""
    values = report.curves.get("value", {})
    if len(values) > 1 and BASELINE in values:
        curves = {n: scaled(values[n], metric.scale) for n in names if n in values}
        low, high = curve_limits(list(curves.values()), metric)
        axis = Axis(low, high)
        found.append(_panel("value", metric.name, unit, curves, axis, names, metric))
    for key, title in (("lr", "learning rate"), ("weight_decay", "weight decay")):
        curves = {n: c for n in names if (c := report.curves.get(key, {}).get(n)) is not None}
        if BASELINE in curves:
            found.append(_panel(key, title, "", curves, _rate_axis(curves), names, None))
    return found


def _names(report: Report) -> list[str]:
    rows = [row for row in sorted_rows(report) if row.difference is not None]
    largest = sorted(rows, key=lambda row: -abs(row.difference or 0))[:MAX_LINES]
    decided = [row.name for row in rows if row.verdict in (Verdict.BETTER, Verdict.WORSE)]
    names = [row.name for row in rows if row in largest]
    return [BASELINE, *sorted(names, key=lambda name: name not in decided)]


def _panel(
    key: str,
    title: str,
    unit: str,
    curves: Mapping[str, Curve],
    axis: Axis,
    names: Sequence[str],
    metric: Metric | None,
) -> Panel:
    last = int(max(curve.epochs[-1] for curve in curves.values()))
    across = Axis(min(int(curve.epochs[0]) for curve in curves.values()), last)
    series = []
    for name, curve in curves.items():
        thin = thinned(curve, MAX_POINTS)
        band = [*zip(thin.epochs, thin.high, strict=True)]
        band += [*zip(thin.epochs[::-1], thin.low[::-1], strict=True)]
        end = float(curve.mean[-1])
        index = names.index(name)
        series.append(
            Series(
                name=name,
                index=index,
                points=_points(zip(thin.epochs, thin.mean, strict=True), across, axis),
                band=_points(band, across, axis) if metric is not None and index == 0 else "",
                first=index <= MAX_SHOWN,
                end=f"{end:.3g}" if metric is None else metric.value(end),
            )
        )
    ticks = [tick for tick in across.ticks() if float(tick.label).is_integer()]
    return Panel(
        key,
        title,
        unit,
        tuple(series),
        tuple(ticks),
        tuple(axis.ticks()),
        axis.low,
        axis.high,
        axis.log,
        last,
    )


def _points(pairs: object, across: Axis, axis: Axis) -> str:
    return " ".join(
        f"{across.at(float(x)) * UNITS / 100:.0f},{UNITS - axis.at(float(y)) * UNITS / 100:.0f}"
        for x, y in pairs  # type: ignore[attr-defined]
        if np.isfinite(y)
    )


def _rate_axis(curves: Mapping[str, Curve]) -> Axis:
    every = np.concatenate([curve.mean for curve in curves.values()])
    if spans_decades(every):
        return Axis(float(every[every > 0].min()) / 1.1, 1.1 * float(every.max()), log=True)
    high = float(every.max(initial=0.0))
    return Axis(min(0.0, float(every.min(initial=0.0))), 1.05 * high if high > 0 else 1.0)


def spans_decades(values: np.ndarray) -> bool:
    """Whether most of `values` would be a flat line at the bottom of a linear scale."""
    positive = values[values > 0]
    return bool(len(positive) and positive.max() / np.median(positive) > DECADES)


def curve_limits(curves: Sequence[Curve], metric: Metric) -> tuple[float, float]:
    """Leave the steep start out of the picture: what matters is where curves end."""
    late = np.concatenate([c.mean[len(c.mean) // 3 :] for c in curves])
    known = late[np.isfinite(late)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 0.0)
    margin = 0.05 * (high - low) or 0.5 * (1.0 if metric.unit == "%" else abs(high) or 1.0)
    most = 100 + margin if metric.unit == "%" else high + margin
    return float(low - margin), float(min(high + margin, most))
