"""The same runs spent one trick at a time, and on a screen: what each finds."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

from darkmagic.checklist.designs.screen import MAX_RUNS, screen_sizes
from darkmagic.checklist.metric import ACCURACY, Metric
from darkmagic.checklist.model import Checklist
from darkmagic.checklist.planning.power import detectable, setting_of
from darkmagic.checklist.stats.alpha_spending import ALPHA, share_of_look

__all__ = ["Sides", "compare_designs", "screen_finds", "suits"]

MOST_PLANNED = 256
"""Runs of the largest design that is made: what more tell grows as their number, to a percent."""
PLANNING_STARTS = 1
"""Of the exchange: what a design finds is known to a few percent after one."""


@dataclass(frozen=True)
class Sides:
    """What `runs` find four times in five, in units of the spread of runs: the average effect of
    an option, in a screen and `one_at_a_time`. None where there would be no verdicts.

    `seeds` and `baseline_runs` are how one trick at a time would spend the runs; 0 where they are
    too few for that.
    """

    runs: int
    seeds: int
    baseline_runs: int
    one_at_a_time: float | None
    screen: float | None


def compare_designs(checklist: Checklist, runs: int) -> Sides:
    """Return what `runs` find in `checklist` by either design.

    >>> from darkmagic.checklist import Checklist, Trick
    >>> tricks = tuple(Trick(f"trick_{n}", "", ("off", "on")) for n in range(7))
    >>> sides = compare_designs(Checklist("mine", tricks), 16)
    >>> sides.seeds, sides.one_at_a_time > 2 * sides.screen
    (2, True)
    """
    trials = sum(len(trick.options) - 1 for trick in checklist.tricks)
    setting = setting_of(trials, runs)
    alone = detectable(setting, 1.0) if setting else None
    screen = screen_finds(screen_sizes(checklist), runs)
    seeds, baseline_runs = (setting.seeds, setting.baseline_runs) if setting else (0, 0)
    return Sides(runs, seeds, baseline_runs, alone, screen)


@functools.lru_cache(maxsize=128)
def screen_finds(sizes: Sequence[int], runs: int) -> float | None:
    """Return the average effect that a screen of `runs` finds four times in five, for runs that
    spread by 1 and tricks of `sizes` options. None without degrees of freedom, and for more runs
    than a screen may have.

    More runs than there are mixtures are of several seeds, each of which costs a degree of freedom.
    """
    import numpy as np

    from darkmagic.checklist.designs.efficiency import effect_variances
    from darkmagic.checklist.designs.exchange import exchange
    from darkmagic.checklist.designs.fit import detectable_in_errors
    from darkmagic.checklist.stats.step_down import critical_level

    effects = sum(size - 1 for size in sizes)
    different = math.prod(sizes)
    seeds = math.ceil(runs / different)
    df = runs - effects - seeds
    if df < 1 or not effects or runs > MAX_RUNS:
        return None
    made = min(runs, different, MOST_PLANNED)
    first = np.zeros((1, len(sizes)), dtype=int)
    rows = exchange(sizes, first, made - 1, starts=PLANNING_STARTS)
    error = math.sqrt(float(effect_variances(rows, sizes).mean()) * made / runs)
    level = critical_level(ALPHA * share_of_look(1), effects, 0.0, float(df))
    return detectable_in_errors(df, level) * error


def suits(sides: Sides, spread: float, metric: Metric = ACCURACY) -> str:
    """Return which design the budget suits, in words, for runs of `metric` that spread so far."""
    alone, screen = sides.one_at_a_time, sides.screen
    if screen is None:
        if alone is None:
            return f"{sides.runs} runs give no verdicts by either design: give a few more."
        return (
            f"{sides.runs} runs suit one trick at a time: it finds {metric.about(alone * spread)} "
            f"four times in five, and a screen has {MAX_RUNS:,} runs at most."
        )
    found = f"a screen finds average effects of {metric.about(screen * spread)} four times in five"
    if alone is None:
        return (
            f"{sides.runs} runs suit a screen: {found}, where one trick at a time would give no "
            "verdicts."
        )
    if screen >= alone:
        return (
            f"{sides.runs} runs suit one trick at a time: it finds {metric.about(alone * spread)}, "
            f"and {found}."
        )
    return (
        f"{sides.runs} runs suit a screen: {found}, and one trick at a time finds "
        f"{metric.about(alone * spread)}. One at a time tells what a trick does at the baseline's "
        "settings, a screen what it does on average over the other options."
    )
