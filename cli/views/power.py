"""The tables of `darkmagic checklist power`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from rich.console import Group, RenderableType
from rich.text import Text

from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.designs.screen import screen_sizes, usual_runs
from darkmagic.checklist.metric import ACCURACY, Metric
from darkmagic.checklist.model import Checklist
from darkmagic.checklist.plan import trial_names
from darkmagic.checklist.planning.designs import compare_designs, screen_finds, suits
from darkmagic.checklist.planning.power import (
    Setting,
    detectable,
    half_width,
    setting_of,
    settings,
)
from darkmagic.checklist.planning.settle import MAX_MORE_SEEDS, settlement
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.formatting import percent
from darkmagic.checklist.stats.alpha_spending import FIRST_SHARE
from darkmagic.cli.views.blocks import next_steps, note, plain_table

__all__ = ["UNTIMED", "budget_line", "power_view", "undecided_view"]

MAX_SCREEN = 64
"""Runs of the largest screen that is shown: a larger one takes seconds to make."""
USUAL_SPREAD = 0.2
TYPICAL_SPREADS = (0.1, 0.2, 0.3, 0.5)
OF_SPREAD = "times the spread"
UNTIMED = (
    "How many runs fit in the budget is known once one has trained, and then which design suits "
    "it; plan --estimate tells about."
)
NO_SPREAD = (
    "How far these runs spread is not known yet, so no number of seeds is recommended: a sweep "
    "with seeds=3 tells it, and this command then goes by that; or give it with --spread."
)


def power_view(
    checklist: Checklist,
    spreads: Sequence[float] | None,
    report: Report | None,
    metric: Metric = ACCURACY,
    runs: int | None = None,
) -> RenderableType:
    """Return the smallest effect found four times in five, by number of runs and spread.

    `runs` in all that are asked about have a row too, and are those that a design is named for.
    """
    trials = len(trial_names(checklist)) - 1
    own = report.comparison.effects.spread if report else None
    if not (own or spreads):
        metric = _without_spread(metric)
    chosen = list(spreads or ([own] if own else _usual_spreads(metric)))
    table = plain_table()
    for head in ("seeds", "baseline", "runs"):
        table.add_column(head, justify="right")
    for spread in chosen:
        table.add_column(f"spread {spread:.2g}", justify="right")
    shown = settings(trials)
    asked = setting_of(trials, runs) if runs else None
    if asked is not None and asked not in shown:
        shown = sorted([*shown, asked], key=lambda setting: setting.runs)
    for setting in shown:
        cells = [_cell(setting, spread, metric) for spread in chosen]
        table.add_row(str(setting.seeds), str(setting.baseline_runs), str(setting.runs), *cells)
    notes = [
        (
            f"Runs of each trial, of the baseline, and in all. {_of(metric)}: the effect found "
            "four times in five, and in brackets half the width of the interval. A spread is the "
            f"standard deviation of runs that differ in their seed alone{_usually(metric)}."
        ),
        (
            f"For {trials} trials tested together, by simulation of such sweeps. "
            f"{100 - 100 * FIRST_SHARE:.0f} % of the error rate is kept for looks after more "
            "seeds. Take the fewest seeds whose effect is one that you would act on."
        ),
    ]
    if not (own or spreads):
        notes.append(NO_SPREAD)
    if own and report is not None:
        notes.insert(0, _own_spread(metric.about(own), screened=bool(report.comparison.screen)))
    design_spread = chosen[0] if own or spreads else _usual_spread(metric)
    numbers = [setting.runs for setting in settings(trials)]
    screens = _screens(checklist, numbers, chosen, metric, design_spread, runs)
    return Group(table, *map(note, notes), *screens)


def _own_spread(amount: str, *, screened: bool) -> str:
    if screened:
        return (
            f"This screen's runs are {amount} off what their options add up to. What options do "
            "together is in that, so that the spread of the seed alone may be smaller."
        )
    return f"This experiment's runs spread by {amount}."


def _screens(
    checklist: Checklist,
    runs: Sequence[int],
    spreads: Sequence[float],
    metric: Metric,
    suited_spread: float,
    asked: int | None,
) -> list[RenderableType]:
    """Return the same numbers of runs spent on a screen, and which design suits `asked`."""
    sizes = screen_sizes(checklist)
    table = plain_table()
    table.add_column("screen", justify="right")
    for spread in spreads:
        table.add_column(f"spread {spread:.2g}", justify="right")
    usual = usual_runs(checklist)
    suited = asked or usual
    for number in sorted({usual, suited, *(n for n in runs if n <= MAX_SCREEN)}):
        found = screen_finds(sizes, number)
        cells = ["no verdicts" if found is None else _size(found * s, metric) for s in spreads]
        table.add_row(f"runs={number}", *cells)
    about = (
        "The same runs as a screen (design=screen): each mixes options of all tricks, and an "
        "effect is the average over the other options. "
        f"{_of(metric)}: the effect found four times in five. {_for(suited_spread, metric)}: "
        f"{suits(compare_designs(checklist, suited), suited_spread, metric)}"
    )
    return [Text(), table, note(about)]


def _without_spread(metric: Metric) -> Metric:
    """Return `metric` with effects that are multiples of its spread, where none is usual."""
    return metric if metric.unit == "%" else replace(metric, unit=OF_SPREAD)


def _usual_spreads(metric: Metric) -> Sequence[float]:
    """Return spreads to plan for."""
    return TYPICAL_SPREADS if metric.unit == "%" else (1.0,)


def _usual_spread(metric: Metric) -> float:
    """Return the spread for which a design is named where none is known."""
    return USUAL_SPREAD if metric.unit == "%" else 1.0


def _of(metric: Metric) -> str:
    """Return what the table's numbers are of."""
    if metric.unit == OF_SPREAD:
        return f"Multiples of the spread of {metric.name}"
    return "Points" if metric.unit == "%" else f"Differences in {metric.phrase}"


def _for(spread: float, metric: Metric) -> str:
    return "For any spread" if metric.unit == OF_SPREAD else f"For a spread of {spread:.2g}"


def _usually(metric: Metric) -> str:
    return "; on CIFAR-10 it is 0.1 to 0.3 points" if metric.is_accuracy else ""


def _size(value: float, metric: Metric) -> str:
    return f"{value:.2f}" if metric.unit == "%" else f"{value:.3g}"


def _cell(setting: Setting, spread: float, metric: Metric) -> str:
    found, width = detectable(setting, spread), half_width(setting, spread)
    if found is None or width is None:
        return "no verdicts"
    return f"{_size(found, metric)} (±{_size(width, metric)})"


def budget_line(checklist: Checklist, runs: int | None, metric: Metric = ACCURACY) -> str:
    """Return which design so many runs suit, for a spread that is usual on CIFAR-10.

    None are those of a budget of hours before a run has shown what one takes.
    Of a metric in a unit of its own no spread is usual: effects are multiples of it.
    """
    if runs is None:
        return UNTIMED
    sides = compare_designs(checklist, runs)
    if metric.unit == "%":
        said = suits(sides, USUAL_SPREAD, metric)
        return f"For a spread of {metric.given(USUAL_SPREAD)}, usual on CIFAR-10: {said}"
    return f"For any spread of {metric.name}: {suits(sides, 1.0, _without_spread(metric))}"


def undecided_view(report: Report) -> RenderableType:
    """Return the number of seeds that would settle each undecided trial."""
    comparison = report.comparison
    if report.advice.alarm:
        return Group(
            Text(), Text(report.advice.alarm, style="bold red"), *next_steps(report.advice.steps)
        )
    rows = comparison.having(Verdict.UNDECIDED)
    if not rows:
        return Text("\nNo trial is undecided.")
    if comparison.screen:  # more runs narrow all rows at once, and no seeds of one of them
        return Group(
            Text(f"\n{len(rows)} options are undecided."), *next_steps(report.advice.steps)
        )
    table = plain_table()
    table.add_column("undecided trial", overflow="fold")
    for head in ("difference", "could have missed", "more seeds", "settles it"):
        table.add_column(head, justify="right", no_wrap=True)
    metric = comparison.metric
    for row in rows:
        plan = settlement(row, comparison)
        more = f"+{plan.more}" if plan else f"over {MAX_MORE_SEEDS}"
        sure = percent(plan.probability) if plan else ""
        missed = metric.value(row.minimum_detectable)
        table.add_row(Text(row.name), metric.difference(row.difference), missed, more, sure)
    seems = note(
        "More seeds of that row and the baseline alone, and the probability that they settle it, "
        "given what it probably does."
    )
    return Group(Text(), table, seems, *next_steps(report.advice.steps))
