"""Tables of a recipe's parts: each left out, and each added to those before it."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from darkmagic.checklist.compare.rows import Interval
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.recipes.ablation import Ablation, Role
from darkmagic.checklist.recipes.path import Step
from darkmagic.checklist.report.formatting import p_value
from darkmagic.cli.views.blocks import plain_table

__all__ = ["ablation_view", "path_view"]

STYLES = {Role.CARRIES: "green", Role.HURTS: "red"}


def ablation_view(found: Ablation) -> RenderableType:
    """Return what each part adds to the recipe: what leaving it out costs."""
    metric = found.comparison.metric
    table = _table("without", metric)
    accuracies = {row.name: row.accuracy for row in found.comparison.rows}
    table.add_row(Text("nothing", "bold"), metric.value(found.comparison.baseline.accuracy))
    for part in [*found.parts, *([found.whole] if found.whole not in found.parts else [])]:
        name = part.name if part in found.parts else "all of it"
        table.add_row(
            Text(name),
            metric.value(accuracies.get(f"{part.trick}={part.instead}")),
            metric.change(part.gain),
            _span(part.interval, metric),
            p_value(part.p_value),
            Text(str(part.role), STYLES.get(part.role, "")),
        )
    return table


def path_view(steps: Sequence[Step], metric: Metric) -> RenderableType:
    """Return the recipe as it is built up."""
    table = _table("one by one", metric)
    for step in steps:
        table.add_row(
            Text(step.name),
            metric.value(step.accuracy),
            metric.change(step.gain),
            _span(step.interval, metric),
            p_value(step.p_value),
            step.adds,
        )
    return table


def _span(interval: Interval | None, metric: Metric) -> str:
    return metric.span(interval.low, interval.high) if interval else ""


def _table(head: str, metric: Metric) -> Table:
    table = plain_table()
    table.add_column(head, overflow="fold")
    for column in (metric.head, "adds", "95 % interval", "adj. p"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("in the recipe")
    return table
