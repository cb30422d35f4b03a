"""The plots of training: each trial's curve over the baseline's band, and the schedules."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from darkmagic.checklist.model import BASELINE
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.curves import Curve, scaled, thinned
from darkmagic.checklist.report.page.palette import LIGHT
from darkmagic.checklist.report.page.pictures.lines import curve_limits, spans_decades
from darkmagic.checklist.report.plots.style import (
    colour_of,
    label_of,
    new_figure,
    to_svg,
)

__all__ = ["MAX_PANELS", "curves_plot", "schedules_plot"]

COLUMNS = 4
MAX_PANELS = 48
TITLE_WIDTH = 34
"""Columns of a name above a panel."""


def curves_plot(report: Report) -> str | None:
    """Return a panel a trial: mean of the metric that decides over the band of the baseline's runs.

    Of more than `MAX_PANELS` trials, those with the largest differences are shown.
    """
    from matplotlib.ticker import MaxNLocator

    metric = report.comparison.metric
    curves = report.curves.get("value", {})
    curves = {name: scaled(values, metric.scale) for name, values in curves.items()}
    rows = [row for row in report.rows if row.trick is not None and row.name in curves]
    if len(rows) > MAX_PANELS:
        largest = sorted(rows, key=lambda row: -abs(row.difference or 0))[:MAX_PANELS]
        rows = [row for row in rows if row in largest]
    if not rows or BASELINE not in curves:
        return None
    lines = math.ceil(len(rows) / COLUMNS)
    figure, axes = new_figure(
        9.6, 1.5 * lines + 0.3, nrows=lines, ncols=COLUMNS, sharex=True, sharey=True, squeeze=False
    )
    base = thinned(curves[BASELINE])
    for ax, row in zip(axes.flat, rows, strict=False):
        ax.fill_between(base.epochs, base.low, base.high, color=LIGHT["band"])
        ax.plot(base.epochs, base.mean, color=LIGHT["faint"], linewidth=0.8)
        own = thinned(curves[row.name])
        ax.plot(own.epochs, own.mean, color=colour_of(row.verdict), linewidth=1.3)
        ax.set_title(label_of(row.name, TITLE_WIDTH), fontsize=7.5, loc="left", color=LIGHT["ink"])
    for ax in list(axes.flat)[len(rows) :]:
        ax.set_visible(False)
    axes.flat[0].xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.flat[0].set_ylim(
        *curve_limits([curves[row.name] for row in rows] + [curves[BASELINE]], metric)
    )
    figure.supxlabel("epoch", fontsize=8, color=LIGHT["faint"])
    figure.supylabel(
        ", ".join(filter(None, (metric.name, metric.unit))), fontsize=8, color=LIGHT["faint"]
    )
    return to_svg(figure, "curves")


def schedules_plot(report: Report) -> str | None:
    """Return lr and weight decay as they were at the end of each epoch, where trials differ."""
    parts = [("lr", "learning rate"), ("weight_decay", "weight decay")]
    shown = [(name, title) for name, title in parts if report.curves.get(name, {}).get(BASELINE)]
    if not shown:
        return None
    most = max(len(report.curves[name]) for name, _ in shown)
    height = 2.8 + 0.09 * min(most, MAX_PANELS)
    figure, axes = new_figure(9.6, height, ncols=len(shown), squeeze=False)
    for ax, (name, title) in zip(axes.flat, shown, strict=True):
        _schedule(ax, report, name)
        ax.set_title(title, fontsize=9, loc="left", color=LIGHT["ink"])
        ax.set_xlabel("epoch", fontsize=8)
    return to_svg(figure, "schedules")


def _schedule(ax: Any, report: Report, name: str) -> None:
    from matplotlib import colormaps
    from matplotlib.ticker import MaxNLocator

    curves = report.curves[name]
    base = curves[BASELINE]
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.plot(base.epochs, base.mean, color=LIGHT["ink"], linewidth=1.6, label=BASELINE)
    others = {
        row.name: curves[row.name]
        for row in report.rows
        if row.name in curves and not _same(curves[row.name], base)
    }
    colours = colormaps["tab10"].colors  # type: ignore[attr-defined]
    styles = ["-", "--", ":", "-."]
    for index, (row, values) in enumerate(others.items()):
        ax.plot(
            values.epochs,
            values.mean,
            linestyle=styles[index % 4],
            color=colours[index % 10],
            linewidth=1.2,
            label=label_of(row),
        )
    if spans_decades(np.concatenate([values.mean for values in [base, *others.values()]])):
        ax.set_yscale("log")
    # Below the lines, over which it would lie within the axes.
    legend = ax.legend(
        fontsize=7, frameon=False, loc="upper left", bbox_to_anchor=(0.0, -0.2), ncols=2
    )
    for text in legend.get_texts():
        text.set_color(LIGHT["ink"])


def _same(one: Curve, other: Curve) -> bool:
    return one.mean.shape == other.mean.shape and bool(np.allclose(one.mean, other.mean, atol=0))
