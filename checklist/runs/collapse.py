"""Rows that sometimes collapse: how often, and what they gain when they do not.

A mean over runs of which some fell far below the others describes none of them. Where a row has
enough runs, those far below are counted, and the difference of the others is estimated apart.
"""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from darkmagic.checklist.metric import Metric

if TYPE_CHECKING:
    from darkmagic.checklist.stats.effects import Effects
    from darkmagic.checklist.stats.linear import Run

__all__ = ["MIN_RUNS", "Collapse", "find_collapsed", "find_collapses"]

MIN_RUNS = 5
"""Runs of a row, finished or not: fewer do not tell a fallen run from a wide spread."""
MIN_GAP = 6.0
"""Spreads between a fallen run and the others: of the usual spread, and of the others' own."""


@dataclass(frozen=True)
class Collapse:
    """`collapsed` of `runs` fell far below the others or learned nothing.

    `gain` is what the others gain on the baseline's, and `interval` its
    95 % interval for this row by itself: an estimate made after a look at the runs, no verdict.
    None for the baseline, and where nothing is left to compare.

    >>> Collapse(collapsed=2, runs=5, gain=0.4).rate
    0.4
    """

    collapsed: int
    runs: int
    gain: float | None = None
    interval: tuple[float, float] | None = None

    @property
    def rate(self) -> float:
        """Share of the runs that collapsed, in [0, 1]."""
        return self.collapsed / self.runs

    def text(self, metric: Metric) -> str:
        """Return how often, and what is gained when it does not."""
        side = "below" if metric.sign > 0 else "above"
        text = f"{self.collapsed} of {self.runs} runs collapsed, far {side} the others"
        if self.gain is not None:
            difference = metric.amount(metric.gain(self.gain), sign=True)
            text += f"; without those it differs from the baseline by {difference}"
        if self.interval is not None:
            low, high = (metric.difference(end) for end in sorted(map(metric.gain, self.interval)))
            text += f" ({low} to {high} for this row alone, not a verdict)"
        return text


def find_collapsed(accuracies: Mapping[int, float], spread: float) -> set[int]:
    """Return the seeds whose accuracies, in percent, lie far below those of the same row.

    They are fewer than half of the row, and the gap up to the others is `MIN_GAP` times the
    `spread` that runs usually have and as many times the others' own.

    >>> sorted(find_collapsed({0: 93.1, 1: 93.0, 2: 71.5, 3: 93.2, 4: 93.1}, spread=0.1))
    [2]
    """
    if len(accuracies) < 2:
        return set()
    ordered = sorted(accuracies, key=lambda seed: accuracies[seed])
    fallen: set[int] = set()
    for count in range(1, (len(ordered) - 1) // 2 + 1):
        gap = accuracies[ordered[count]] - accuracies[ordered[count - 1]]
        if gap <= MIN_GAP * spread:
            continue
        if gap > MIN_GAP * statistics.stdev(accuracies[seed] for seed in ordered[count:]):
            fallen = set(ordered[:count])
    return fallen


def find_collapses(
    runs: Sequence[Run], effects: Effects, lost: Mapping[int, int], resolution: float | None
) -> dict[int, Collapse]:
    """Return the collapses of every trial that has some, by its index, the baseline's 0.

    `effects` are those of all `runs`, `lost` counts the runs of each trial that diverged or
    learned nothing, and `resolution` is the step of an accuracy in points.
    """
    from darkmagic.checklist.stats.effects import estimate_effects

    accuracies: dict[int, dict[int, float]] = {}
    for run in runs:
        accuracies.setdefault(run.trial, {})[run.seed] = run.accuracy
    sizes = {t: len(accuracies.get(t, ())) + lost.get(t, 0) for t in {*accuracies, *lost}}
    usual = effects.spread or 0.0
    fallen = {
        trial: find_collapsed(values, usual) if usual and sizes[trial] >= MIN_RUNS else set()
        for trial, values in accuracies.items()
    }
    counts = {t: len(fallen.get(t, ())) + lost.get(t, 0) for t in sizes if sizes[t] >= MIN_RUNS}
    counts = {trial: count for trial, count in counts.items() if count}
    if not counts:
        return {}
    kept = [run for run in runs if run.seed not in fallen[run.trial]]
    apart = estimate_effects(kept, resolution).by_trial
    return {
        trial: Collapse(
            count,
            sizes[trial],
            apart[trial].difference if trial in apart else None,
            apart[trial].interval() if trial in apart else None,
        )
        for trial, count in counts.items()
    }
