"""Tables of several experiments: two compared, or many summarised."""

from __future__ import annotations

from collections.abc import Mapping

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.contrast import contrast
from darkmagic.checklist.compare.summary import summarise
from darkmagic.checklist.report.formatting import interval, p_value
from darkmagic.checklist.stats.alpha_spending import ALPHA
from darkmagic.cli.views.blocks import note, plain_table

__all__ = ["compared_view", "summary_view"]

MIN_RUNS = 3
"""With fewer runs or experiments a bootstrap interval is too narrow."""


def _table(*heads: str) -> Table:
    table = plain_table()
    for index, head in enumerate(heads):
        table.add_column(head, justify="right" if index else "left", overflow="fold")
    return table


def compared_view(one: str, first: Comparison, other: str, second: Comparison) -> RenderableType:
    """Return every trial's effect in two experiments, and their difference."""
    table = _table("trial", one, other, "change", "95 % interval", "adj. p")
    metric = first.metric
    for row in contrast(first, second):
        significant = row.p_value is not None and row.p_value < ALPHA
        change = Text(metric.difference(row.change), style="bold" if significant else "")
        table.add_row(
            Text(row.name),
            Text(metric.difference(row.first)),
            Text(metric.difference(row.second)),
            change,
            Text(interval(row.interval, metric)),
            Text(p_value(row.p_value)),
        )
    return Group(
        table,
        note(
            f"Differences from each experiment's own baseline, in {metric.points or metric.name}; "
            f"change is {other} minus {one}. p values are adjusted for all trials that both have."
        ),
    )


def summary_view(comparisons: Mapping[str, Comparison]) -> RenderableType:
    """Return one row a trial over all `comparisons`."""
    table = _table(
        "trial", "gain", "95 % interval", "P(better)", "95 % interval", "next one", "experiments"
    )
    metric = next(iter(comparisons.values())).metric
    for row in summarise(comparisons):
        table.add_row(
            Text(row.name),
            Text(metric.difference(row.gain)),
            Text(interval(row.gain_interval, metric)),
            Text(f"{row.improvement:.2f}"),
            Text(f"{row.improvement_interval.low:.2f} to {row.improvement_interval.high:.2f}"),
            Text(interval(row.next_interval, metric)),
            Text(f"{row.experiments} ({row.runs} runs)"),
        )
    notes = [
        (
            f"Gain is the interquartile mean over all runs of {metric.points or metric.name} "
            f"{'above' if metric.sign > 0 else 'below'} each experiment's own baseline; P(better) "
            "is the probability that a run of the trial beats one of the baseline. Intervals are "
            "from a bootstrap stratified by experiment (Agarwal et al. 2021), each row for itself: "
            "they describe these experiments only. The next one, if it is like these, has its gain "
            "in the last interval with a probability of 95 % (random effects; from three "
            "experiments on)."
        )
    ]
    runs = min((len(c.baseline.accuracies) for c in comparisons.values()), default=0)
    if runs < MIN_RUNS or len(comparisons) < MIN_RUNS:
        notes.append(
            "A bootstrap of so few runs is too narrow: with 3 runs of one experiment its 95 % "
            "interval covers 79 %. Each experiment's own report has exact intervals."
        )
    return Group(table, *map(note, notes))
