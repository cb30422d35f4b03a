"""The main picture in characters, for a message, a job's summary or a pull request."""

from __future__ import annotations

from collections.abc import Iterator

from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.formatting import interval
from darkmagic.checklist.report.scale import reach_of, text_bar
from darkmagic.text import columns, padded

__all__ = ["to_text"]

BAR_WIDTH = 31
MAX_NAME = 36
"""Longer names stand on a line of their own."""


def to_text(report: Report) -> str:
    """Return a line a row: its interval around zero, the difference and the verdict."""
    return "\n".join(line.rstrip() for line in _lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    baseline, *others = report.rows
    metric, reach = report.comparison.metric, reach_of(report.rows)
    yield report.title
    if report.advice.alarm:
        yield report.advice.alarm
    yield ""
    widths = [columns(row.name) for row in others]
    width = max((wide for wide in widths if wide <= MAX_NAME), default=0)
    low, high = metric.difference(-reach), metric.difference(reach)
    between = BAR_WIDTH - len(low) - len(high)
    left = BAR_WIDTH // 2 - len(low)
    yield f"{'':{width}}  {low}{' ' * left}0{' ' * (between - left - 1)}{high}"
    figures = [_figures(row, metric) for row in others]
    widest = max(map(len, figures), default=0)
    for row, wide, known in zip(others, widths, figures, strict=True):
        if wide > width:
            yield row.name
        name = padded(row.name if wide <= width else "", width)
        bar = text_bar(row, reach, BAR_WIDTH)
        yield "  ".join([name, f"{bar:{BAR_WIDTH}}", f"{known:{widest}}", row.verdict_text])
    yield ""
    intervals = ", with their 95 % intervals" if any(row.interval for row in others) else ""
    value = f"{metric.head} {metric.value(baseline.accuracy)}"
    yield f"Differences from the baseline ({value}){intervals}."


def _figures(row: Row, metric: Metric) -> str:
    known = metric.difference(row.difference), interval(row.interval, metric)
    return f"{known[0]} ({known[1]})" if known[1] else known[0]
