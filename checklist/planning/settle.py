"""More seeds for one undecided row: how many, and how probably they settle it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.stats.alpha_spending import ALPHA, share_of_look

__all__ = ["MAX_MORE_SEEDS", "Settlement", "settlement"]

MAX_MORE_SEEDS = 10
"""More than these for a single row is a price that no advice should name."""
MIN_PROBABILITY = 0.5
INTERVAL_WIDTH = 2 * 1.96


@dataclass(frozen=True)
class Settlement:
    """`more` seeds of one row and of the baseline decide it with `probability`.

    The baseline may have runs of some of those seeds: `baseline_more` are to be trained.

    >>> Settlement(more=4, probability=0.6, baseline_more=1).runs
    5
    """

    more: int
    probability: float
    baseline_more: int

    @property
    def runs(self) -> int:
        """Runs in all: the baseline's too, which no other row is trained beside."""
        return self.more + self.baseline_more


def settlement(row: Row, comparison: Comparison) -> Settlement | None:
    """Return the fewest seeds that settle an undecided `row` as likely as not.

    Settled is better, worse or no practical difference at the next look. The effect is taken as
    its outlook has it, drawn towards 0, not as large as it seems. None where even
    `MAX_MORE_SEEDS` are not enough, or without an error.
    """
    if row.verdict is not Verdict.UNDECIDED or row.outlook is None or not row.error:
        return None
    effect = comparison.effects.by_trial[comparison.rows.index(row)]
    for more in range(1, MAX_MORE_SEEDS + 1):
        probability = _probability(row, comparison, effect.df, more)
        if probability >= MIN_PROBABILITY:
            return Settlement(more, probability, _new_to_baseline(comparison, more))
    return None


def _new_to_baseline(comparison: Comparison, more: int) -> int:
    """Return how many of the next `more` seeds the baseline has no run of."""
    first = 1 + max(seed for row in comparison.tricks for seed in row.accuracies)
    return sum(seed not in comparison.baseline.accuracies for seed in range(first, first + more))


def _probability(row: Row, comparison: Comparison, known_df: float, more: int) -> float:
    """Return how probably `more` seeds settle `row`, given what is known of its effect.

    Its error has `known_df` degrees of freedom.

    Over what its effect may be and over the luck of the new runs, the difference at the next
    look is normal.
    """
    from scipy.special import ndtr, stdtrit

    from darkmagic.checklist.stats.step_down import critical_level

    assert row.outlook is not None
    assert row.error is not None
    assert row.difference is not None
    runs, baseline = len(row.accuracies), comparison.baseline_runs
    before = 1 / runs + 1 / min(baseline, max(runs, 1))
    after = 1 / (runs + more) + 1 / (min(baseline, runs) + more)
    shared = 2 * comparison.rules.overlap  # what more runs on the same images leave
    variance = row.error**2 / (before + shared)  # of one run
    error = math.sqrt(variance * (after + shared))
    weight = 1 - after / before  # of the new runs in the difference
    luck = variance * after / weight  # variance of a difference of new runs alone
    sd = (row.outlook.high - row.outlook.low) / INTERVAL_WIDTH
    gain = comparison.metric.gain(row.difference)
    mean = (1 - weight) * gain + weight * row.outlook.gain
    spread = weight * math.sqrt(sd**2 + luck)

    df = known_df + more
    level = ALPHA * share_of_look(comparison.look + 1)
    critical = critical_level(level, max(len(comparison.tricks), 1), df=df)
    needed = -float(stdtrit(df, critical / 2)) * error
    found = float(ndtr((mean - needed) / spread) + ndtr((-mean - needed) / spread))
    room = comparison.rules.min_effect - needed
    if room > 0:
        found += float(ndtr((room - mean) / spread) - ndtr((-room - mean) / spread))
    return found
