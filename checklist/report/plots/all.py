"""The plots of a report, in the order in which they are shown."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.plots.effects import cost_plot, forest_plot
from darkmagic.checklist.report.plots.training import curves_plot, schedules_plot

__all__ = ["PLOTS", "Plot", "draw_plots"]


@dataclass(frozen=True)
class Plot:
    """`draw` returns an SVG element, or None where the report has nothing for it."""

    name: str
    title: str
    label: str  # for those who do not see it
    draw: Callable[[Report], str | None]


PLOTS = (
    Plot("effects", "Effects", "Forest plot of every difference with its interval", forest_plot),
    Plot("curves", "Learning curves", "Validation accuracy of each trial by epoch", curves_plot),
    Plot(
        "schedules",
        "Schedules as they were run",
        "Learning rate and weight decay by epoch",
        schedules_plot,
    ),
    Plot("cost", "Cost against gain", "Difference against time a step", cost_plot),
)


def draw_plots(report: Report) -> dict[str, str]:
    """Return an SVG element for each plot that `report` has something for, by name."""
    drawn = {plot.name: plot.draw(report) for plot in PLOTS}
    return {name: svg for name, svg in drawn.items() if svg is not None}
