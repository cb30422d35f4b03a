"""Table of a comparison: fits 80 columns, uses 160."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from rich.console import Group, JustifyMethod, RenderableType
from rich.text import Text

from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.formatting import (
    expected_gain,
    interval,
    p_value,
    points,
    probability,
    ratio,
    values,
)
from darkmagic.checklist.report.notes.table import endings
from darkmagic.checklist.report.scale import reach_of, text_bar
from darkmagic.cli.views.blocks import next_steps, note, plain_table

__all__ = ["comparison_view"]

INTERVALS_WIDTH, OUTLOOKS_WIDTH, COSTS_WIDTH = 116, 156, 176
"""Widths from which intervals are written out, what rows probably do stands beside their verdicts,
and all costs are shown."""
PICTURE_WIDTH = 64
"""Half a screen leaves no room for the bar of an interval, nor for costs."""

STYLES = {
    Verdict.BETTER: "green",
    Verdict.WORSE: "red",
    Verdict.FAILED: "red",
    Verdict.BASELINE: "bold",
}
PARETO_NOTE = (
    "* with a probability of 90 % or more no other row has both a {better} {name} and less time a "
    "step."
)
EVERY_RUN = "every run"
BAR_WIDTH = 9
MAX_NAME_WIDTH = 40
"""Longer names of trials are folded."""


@dataclass(frozen=True)
class _Column:
    head: str
    cell: Callable[[Row], Text]
    right: bool = True


def comparison_view(
    report: Report, width: int, *, every_run: bool = False, alone: bool = False
) -> RenderableType:
    """Return the table for `width` columns, with what it means and what to do below.

    `alone` leaves out all notes but how runs ended, for runs whose results are discarded.
    """
    columns = list(_columns(report, width, every_run=every_run))
    # Costs of other people's runs and commands may not be known, nor what others published.
    columns = [c for c in columns if any(c.cell(row).plain for row in report.rows)]
    table = plain_table(edge=False)
    longest = max(len(row.name) for row in report.rows)
    for column in columns:
        fixed = column.head != "verdict" and not column.head.startswith(EVERY_RUN)
        if column.head == "trial":
            fixed = longest <= min(MAX_NAME_WIDTH, width // 2)
        justify: JustifyMethod = "right" if column.right else "left"
        # A figure that lost its end would be another figure.
        least = max(len(column.cell(row)) for row in report.rows) if column.right else None
        table.add_column(
            column.head, justify=justify, no_wrap=fixed, overflow="fold", min_width=least
        )
    section = ""
    for row in report.rows:
        if row.section != section:
            section = row.section
            table.add_section()
            table.add_row(Text(section, style="bold"))
        table.add_row(*(column.cell(row) for column in columns))
    marked = width >= INTERVALS_WIDTH and any(row.on_pareto_front for row in report.rows)
    below = map(note, endings(report.comparison)) if alone else _below(report, marked=marked)
    alarm = "" if alone else report.advice.alarm
    above = [Text(alarm, style="bold red"), Text()] if alarm else []
    return Group(*above, table, *below)


def _columns(report: Report, width: int, *, every_run: bool) -> Iterator[_Column]:
    has_intervals = any(row.interval for row in report.rows)
    reach = reach_of(report.rows)
    yield _Column("trial", lambda row: _name(row, mark=width >= INTERVALS_WIDTH), right=False)
    metric = report.comparison.metric
    yield _Column(metric.head, lambda row: Text(metric.value(row.accuracy)))
    yield _Column("diff", lambda row: Text(metric.difference(row.difference)))
    if has_intervals and width >= PICTURE_WIDTH:
        yield _Column("around 0", lambda row: _bar(row, reach), right=False)
    if has_intervals and width >= INTERVALS_WIDTH:
        yield _Column("95 % interval", lambda row: Text(interval(row.interval, metric)))
        yield _Column("adj. p", lambda row: Text(p_value(row.p_value)))
    if every_run:
        head = f"{EVERY_RUN}, {metric.unit}" if metric.unit else EVERY_RUN
        yield _Column(head, lambda row: Text(values(row, metric)), right=False)
    elif width >= PICTURE_WIDTH:
        yield from _costs(width, has_intervals=has_intervals)
    yield _Column("verdict", lambda row: Text(row.verdict_text, _style(row)), right=False)
    if width >= OUTLOOKS_WIDTH:
        yield _Column("expected", lambda row: Text(expected_gain(row, metric)))
        yield _Column("helps", lambda row: Text(probability(row)))
        yield _Column("published", lambda row: Text(_published(report, row)))


def _costs(width: int, *, has_intervals: bool) -> Iterator[_Column]:
    wide = width >= OUTLOOKS_WIDTH
    if wide or width >= INTERVALS_WIDTH or not has_intervals:
        yield _Column("time", lambda row: Text(ratio(row.ratios["time"], spread=wide)))
    if width >= COSTS_WIDTH:
        yield _Column("total", lambda row: Text(ratio(row.ratios["wall"])))
        yield _Column("memory", lambda row: Text(ratio(row.ratios["memory"])))
    if wide:
        yield _Column("params", lambda row: Text(ratio(row.ratios["parameters"])))


def _published(report: Report, row: Row) -> str:
    """Return the range of what was published; the other formats say where."""
    found = sorted(effect.points for effect in report.published(row))
    if len(found) > 1 and found[0] != found[-1]:
        return f"{points(found[0])}..{points(found[-1])}"
    return points(found[0]) if found else ""


def _name(row: Row, *, mark: bool) -> Text:
    text = Text(row.name, style="bold" if row.trick is None else "")
    return text.append(" *", style="bold") if row.on_pareto_front and mark else text


def _bar(row: Row, reach: float) -> Text:
    """Return the interval drawn around zero: `--o--|`, with arrows where it is cut off."""
    bar = text_bar(row, reach, BAR_WIDTH) if row.interval else ""
    return Text(bar, _style(row))


def _style(row: Row) -> str:
    return "magenta" if row.unstable else STYLES.get(row.verdict, "")


def _below(report: Report, *, marked: bool) -> list[RenderableType]:
    parts: list[RenderableType] = []
    if report.advice.sentences:
        parts += [Text(), Text(" ".join(report.advice.sentences))]
    if report.notes:
        parts.append(Text())
    metric = report.comparison.metric
    better, name = ("higher", "accuracy") if metric.is_accuracy else ("better", metric.name)
    pareto = [PARETO_NOTE.format(better=better, name=name)] if marked else []
    parts += map(note, [*report.notes, *pareto])
    return [*parts, *next_steps(report.advice.steps)]
