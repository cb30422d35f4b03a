"""What is suspicious in a table of runs: figures that disagree, spreads that are too narrow."""

from __future__ import annotations

import re
import statistics
from collections.abc import Iterator, Mapping, Sequence

from darkmagic.checklist.judging.means import Mean
from darkmagic.checklist.judging.runs import JudgedRun
from darkmagic.checklist.judging.tables.table import Cell, RunTable
from darkmagic.checklist.metric import Metric

__all__ = ["disagreements", "narrow_spreads"]

NUMBER = r"[+-]?\d*\.?\d+(?:[eE][+-]?\d+)?"
INTERVAL = re.compile(
    rf"[\[(]?\s*({NUMBER})\s*%?\s*(?:to|,|;|\.\.+|\u2013)\s*({NUMBER})\s*%?\s*[\])]?"
)
MAX_SHIFT = 0.5
"""Half widths that the middle of a published interval may be off: more is no rounding."""
MAX_WIDTH_RATIO = 1.35
"""Of the half widths that a published interval and the row's own figures give."""
MIN_P = 1e-4
"""The chance of so narrow a spread among that many rows, below which it is pointed out."""
Spreads = Mapping[str, tuple[float, int]]
"""By trial, the standard deviation and the number of runs."""


def disagreements(table: RunTable, means: Sequence[Mean], metric: Metric) -> Iterator[str]:
    """Yield what a published interval says that the row's own mean and spread do not.

    It is an interval of the mean, or of the difference from the one row that has none.
    """
    at = {table.place(row): row for row in range(len(table.rows))}
    for column in table.columns:
        cells = [table.column(column)[at[mean.run.place]] for mean in means]
        intervals = [_interval(cell) for cell in cells]
        known = [
            (mean, found) for mean, found in zip(means, intervals, strict=True) if found is not None
        ]
        if len(known) < max(3, len(means) - 2):
            continue
        without = [mean for mean, found in zip(means, intervals, strict=True) if found is None]
        own = sum(low <= mean.mean <= high for mean, (low, high) in known)
        if 2 * own > len(known):
            for mean, interval in known:
                yield from _disagrees(column, mean, None, interval, metric)
        elif len(without) == 1:
            for mean, interval in known:
                yield from _disagrees(column, mean, without[0], interval, metric)


def _interval(cell: Cell) -> tuple[float, float] | None:
    if not isinstance(cell, str):
        return None
    found = INTERVAL.fullmatch(cell.replace("\u2212", "-").strip().strip("*").strip())
    if found is None:
        return None
    low, high = float(found[1]), float(found[2])
    return (low, high) if low < high else None


def _disagrees(
    column: str, mean: Mean, other: Mean | None, interval: tuple[float, float], metric: Metric
) -> Iterator[str]:
    from scipy.special import stdtrit

    low, high = interval
    middle, half = (low + high) / 2, (high - low) / 2
    value = mean.mean - (other.mean if other else 0.0)
    variance = mean.sd**2 / mean.count + (other.sd**2 / other.count if other else 0.0)
    df = mean.count + other.count - 2 if other else mean.count - 1
    # Intervals are published by the normal distribution or by Student's t.
    narrow, wide = (quantile * variance**0.5 for quantile in (1.96, float(stdtrit(df, 0.975))))
    name = ", ".join(mean.run.names)
    of = f"the difference from {', '.join(other.run.names)}" if other else "the mean"
    what = f"{mean.run.place}, {name}: column {column!r} has {low:g} to {high:g} for {of}"
    if abs(middle - value) > max(MAX_SHIFT * half, 2 * 10.0**-metric.decimals):
        yield (
            f"The source disagrees with itself. {what}, whose middle is {middle:+.4g}, but by the "
            f"means it is {value:+.4g}: one of the figures of this row is wrong, and so may be "
            "its verdict."
        )
    elif narrow and not narrow / MAX_WIDTH_RATIO < half < wide * MAX_WIDTH_RATIO:
        yield (
            f"The source disagrees with itself. {what}, which is {half:.3g} to either side, but by "
            f"the standard deviations it is about {wide:.3g}: one of the figures of this row "
            "is wrong, and so may be its verdict."
        )


def narrow_spreads(spreads: Spreads, metric: Metric) -> Iterator[str]:
    """Yield the trials whose runs spread far less than the others': a slip, or one run copied."""
    from scipy.special import chdtri, fdtr

    known = {name: (sd, count) for name, (sd, count) in spreads.items() if count > 1}
    if known and not any(sd for sd, _ in known.values()):
        yield (
            "All runs of one trial have the same result: the seed changes nothing, or one run is "
            "copied. Then no spread is known, and the verdicts rest on rounding alone."
        )
    if len(known) < 3:
        return
    # A chi-squared variable has its median below its mean.
    typical = statistics.median(
        sd**2 / (float(chdtri(n - 1, 0.5)) / (n - 1)) for sd, n in known.values()
    )
    df = sum(count - 1 for _, count in known.values())
    for name, (sd, count) in known.items():
        if typical and sd == 0:
            yield (
                f"All {count} runs of {name} have the same result, where others spread: was the "
                "seed used, or is one run copied?"
            )
        elif typical and len(known) * float(fdtr(count - 1, df, sd**2 / typical)) < MIN_P:
            yield (
                f"The {count} runs of {name} spread by {metric.amount(sd)} alone, where others "
                f"typically spread by {metric.amount(typical**0.5)}: a slip in the source?"
            )


def spreads_of(runs: Sequence[JudgedRun], means: Sequence[Mean]) -> dict[str, tuple[float, int]]:
    """Return the standard deviation and the number of runs of each trial."""
    found = {", ".join(m.run.names): (m.sd, m.count) for m in means}
    values: dict[str, list[float]] = {}
    for run in runs:
        if run.reading.value is not None and not run.stands_in:
            values.setdefault(", ".join(run.names), []).append(run.reading.value)
    found |= {n: (statistics.stdev(v), len(v)) for n, v in values.items() if len(v) > 1}
    return found
