"""The plots of effects: a forest of intervals, and gain against cost."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.page.asked import asked
from darkmagic.checklist.report.page.palette import LIGHT
from darkmagic.checklist.report.page.pictures.forest import sorted_rows
from darkmagic.checklist.report.plots.style import (
    MAX_LABEL,
    colour_of,
    label_of,
    marker_of,
    new_figure,
    plain_name,
    to_png,
    to_svg,
)
from darkmagic.checklist.report.scale import reach_of

__all__ = ["cost_plot", "draw_forest", "forest_plot", "forest_png"]


NAMES_APART = 0.055
"""Of the height of a plot: two names in it keep so far from each other."""
MAX_TITLE = 80
"""Characters of the question above the picture."""


def forest_plot(report: Report) -> str | None:
    """Return every difference with its interval around zero, the largest gain on top."""
    figure = _forest(report)
    return None if figure is None else to_svg(figure, "forest")


def forest_png(report: Report) -> bytes | None:
    """Return the same picture for slides, on white, as the bytes of a PNG file."""
    figure = _forest(report)
    return None if figure is None else to_png(figure)


def _forest(report: Report) -> Figure | None:
    rows = [row for row in sorted_rows(report) if row.difference is not None]
    if not rows:
        return None
    figure, ax = new_figure(7.2, 1.1 + 0.24 * len(rows))
    title = plain_name(textwrap.shorten(asked(report), MAX_TITLE))
    ax.set_title(title, fontsize=10, loc="left", color=LIGHT["ink"])
    draw_forest(ax, report, rows)
    metric = report.comparison.metric
    better = "" if metric.sign > 0 else " (lower is better)"
    label = f"difference from the baseline, {plain_name(metric.phrase)}{better}"
    others = any(report.published(row) for row in rows)
    ax.set_xlabel(label + ("; diamonds were published by others" if others else ""), fontsize=8)
    return figure


def draw_forest(
    ax: Axes, report: Report, rows: Sequence[Row], label_width: int = MAX_LABEL
) -> None:
    """Draw `rows`, which have differences, from the top down; hollow diamonds were published."""
    least = report.comparison.rules.min_effect
    reach = reach_of(rows)
    ax.set_xlim(-1.03 * reach, 1.03 * reach)
    ax.axvspan(-least, least, color=LIGHT["line"], alpha=0.5, linewidth=0)
    ax.axvline(0, color=LIGHT["faint"], linewidth=0.8)
    for index, row in enumerate(rows):
        assert row.difference is not None
        colour = colour_of(row.verdict)
        if row.interval:
            ends = [max(row.interval.low, -reach), min(row.interval.high, reach)]
            ax.plot(ends, [index, index], color=colour, linewidth=1.6, gid=f"interval-{row.name}")
            for end, marker in zip(ends, "<>", strict=True):
                if abs(end) == reach:
                    ax.plot(end, index, marker, color=colour, markersize=5)
        published = [max(-reach, min(effect.points, reach)) for effect in report.published(row)]
        ax.plot(
            published,
            [index] * len(published),
            "D",
            markerfacecolor="none",
            markeredgecolor=LIGHT["mark"],
            markersize=4,
        )
        ax.plot(
            row.difference,
            index,
            marker_of(row),
            color=colour,
            markersize=5,
            gid=f"effect-{row.name}",
        )
    ax.set_yticks(range(len(rows)), [label_of(row.name, label_width) for row in rows])
    ax.set_ylim(len(rows) - 0.4, -0.6)
    ax.tick_params(axis="y", length=0, labelcolor=LIGHT["ink"])
    ax.spines["left"].set_visible(False)


def cost_plot(report: Report) -> str | None:
    """Return gain against time a step, with the rows that nothing beats on both named."""
    rows = [r for r in report.rows if r.accuracy is not None and r.ratios["time"] is not None]
    if len(rows) < 2:
        return None
    figure, ax = new_figure(7.2, 3.6)
    ax.axhline(0, color=LIGHT["line"], linewidth=0.8)
    ax.axvline(1, color=LIGHT["line"], linewidth=0.8)
    for row in rows:
        _cost_point(ax, row)
    ax.margins(0.12, 0.12)
    _name_points(ax, [row for row in rows if row.on_pareto_front or row.trick is None])
    ax.set_xlabel("time a step, ratio to the baseline", fontsize=8)
    metric = report.comparison.metric
    ax.set_ylabel(f"difference, {plain_name(metric.points or metric.name)}", fontsize=8)
    return to_svg(figure, "cost")


def _cost_point(ax: object, row: Row) -> None:
    time = row.ratios["time"]
    assert time is not None
    gain = row.difference or 0.0
    error = None
    if row.interval:
        error = [[gain - row.interval.low], [row.interval.high - gain]]
    ax.errorbar(  # type: ignore[attr-defined]
        time.value,
        gain,
        yerr=error,
        fmt="s" if row.trick is None else marker_of(row),
        color=LIGHT["ink"] if row.trick is None else colour_of(row.verdict),
        elinewidth=0.7,
        markersize=6 if row.on_pareto_front else 4,
        alpha=1.0 if row.on_pareto_front else 0.55,
    )


def _name_points(ax: Axes, rows: Sequence[Row]) -> None:
    """Write the names of `rows` beside their points, none over another."""
    low, high = ax.get_ylim()
    above = high
    for row in sorted(rows, key=lambda row: -(row.difference or 0.0)):
        time, gain = row.ratios["time"], row.difference or 0.0
        assert time is not None
        above = min(gain, above - NAMES_APART * (high - low))
        ax.annotate(
            label_of(row.name),
            (time.value, above),
            xytext=(6, 4),
            textcoords="offset points",
            fontsize=8,
            color=LIGHT["ink"],
        )
