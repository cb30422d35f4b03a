"""The report as one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.report import formatting
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.plots.all import PLOTS, draw_plots
from darkmagic.checklist.report.plots.style import themed
from darkmagic.checklist.report.plots.training import MAX_PANELS
from darkmagic.checklist.report.scale import reach_of

__all__ = ["bars", "render", "to_html"]

HEADS = (
    ("trial", "text", None),
    ("section", "text", "section"),
    ("value", "number", None),
    ("difference", "number", None),
    ("around zero", "", None),
    ("95 % interval", "number", None),
    ("adjusted p", "number", None),
    ("verdict", "text", None),
    ("expected gain", "number", None),
    ("helps", "number", None),
    ("time a step", "number", "time"),
    ("total time", "number", "wall"),
    ("memory", "number", "memory"),
    ("params", "number", "parameters"),
    ("FLOPs", "number", "flops"),
    ("published", "text", "published"),
)
"""Head of a column, how it is sorted, and its name where it may be empty."""


def to_html(report: Report, drawn: Mapping[str, str] | None = None) -> str:
    """Return a self-contained page, for light and dark, for a phone and for paper.

    `drawn` are the report's plots, where they have been drawn before.
    """
    svgs = draw_plots(report) if drawn is None else drawn
    plots = {
        plot.name: (plot.title, themed(svgs[plot.name], plot.label))
        for plot in PLOTS
        if plot.name in svgs
    }
    kept, metric = _kept(report), report.comparison.metric
    return render(
        "report.html.j2",
        metric=metric,
        kept=kept,
        heads=[
            (metric.head if head == "value" else head, kind)
            for head, kind, column in HEADS
            if column in (None, *kept)
        ],
        beaten="accuracy" if metric.is_accuracy else metric.name,
        report=report,
        comparison=report.comparison,
        plots=plots,
        bars=bars(report.rows),
        published={row.name: report.published(row) for row in report.rows},
        most_panels=MAX_PANELS,
    )


def render(template: str, **values: Any) -> str:
    """Return one of our templates with `values`, which are escaped."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    environment = Environment(
        loader=PackageLoader("darkmagic.checklist.report.writers"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for name in set(formatting.__all__) - {"duration"}:
        environment.filters[name] = getattr(formatting, name)
    return environment.get_template(template).render(**values)


def _kept(report: Report) -> list[str]:
    """Return the columns that may be empty, and of runs made elsewhere those that are not."""
    every = [column for _, _, column in HEADS if column is not None]
    if report.overrides is not None:
        return every
    known = {name for row in report.rows for name, ratio in row.ratios.items() if ratio}
    known |= {"section"} if any(row.section for row in report.rows) else set()
    return [column for column in every if column in known]


def bars(rows: list[Row]) -> dict[str, dict[str, float]]:
    """Return the position of each interval in a bar of width 100 with 0 in its middle."""
    reach = reach_of(rows)

    def position(value: float) -> float:
        return round(50 + 50 * max(-1.0, min(1.0, value / reach)), 2)

    return {
        row.name: {
            "low": position(row.interval.low if row.interval else row.difference),
            "high": position(row.interval.high if row.interval else row.difference),
            "dot": position(row.difference),
        }
        for row in rows
        if row.difference is not None
    }
