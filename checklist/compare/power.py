"""What a number of seeds can find: before a sweep, and after it for the rows left undecided."""

from __future__ import annotations

import math
from dataclasses import dataclass

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.compare.verdicts import Verdict, minimum_detectable_effect
from darkmagic.checklist.stats.alpha_spending import ALPHA, share_of_look

__all__ = [
    "Setting",
    "best_of_chance",
    "detectable",
    "half_width",
    "seeds_to_settle",
    "settings",
]

MAX_SEEDS = 100


@dataclass(frozen=True)
class Setting:
    """How many runs: `seeds` of each of `trials` tricks, `baseline_runs` of the baseline.

    >>> setting = Setting(trials=15, seeds=3, baseline_runs=6)
    >>> setting.runs, setting.df
    (51, 35)
    """

    trials: int
    seeds: int
    baseline_runs: int

    @property
    def runs(self) -> int:
        """Runs in all."""
        return self.trials * self.seeds + self.baseline_runs

    @property
    def df(self) -> int:
        """Degrees of freedom: with seeds as blocks, or without where the baseline has more."""
        if self.baseline_runs > self.seeds:
            return self.trials * (self.seeds - 1) + self.baseline_runs - 1
        return self.trials * (self.seeds - 1)

    @property
    def error(self) -> float:
        """Standard error of a difference, for runs that spread by 1."""
        return math.sqrt(1 / self.seeds + 1 / self.baseline_runs)


def settings(trials: int) -> list[Setting]:
    """Return those that a plan's table compares."""
    pairs = [(1, 1), (1, 3), (1, 10), (2, 2), (3, 3), (3, 6), (5, 5), (10, 10)]
    return [Setting(trials, seeds, baseline_runs) for seeds, baseline_runs in pairs]


def detectable(setting: Setting, spread: float, look: int = 1) -> float | None:
    """Return the effect, in points, that a sweep finds four times in five.

    `spread` is the standard deviation of a run within its seed, in points. None without
    degrees of freedom.

    >>> round(detectable(Setting(trials=15, seeds=3, baseline_runs=3), spread=0.2), 2)
    0.67
    """
    if setting.df < 1:
        return None
    level = ALPHA * share_of_look(look) / setting.trials
    return minimum_detectable_effect(spread * setting.error, setting.df, level)


def half_width(setting: Setting, spread: float) -> float | None:
    """Return half the width of a 95 % interval, in points; None without degrees of freedom."""
    from scipy.special import stdtrit

    if setting.df < 1:
        return None
    return spread * setting.error * float(stdtrit(setting.df, 0.975))


def seeds_to_settle(row: Row, comparison: Comparison) -> int | None:
    """Return how many seeds in all would settle an undecided `row`, if its estimate is right.

    They detect its difference with a power of 80 %, or show that it is inside `min_effect`;
    None beyond 100, or if the spread is unknown.
    """
    if row.verdict is not Verdict.UNDECIDED or row.difference is None or row.error is None:
        return None
    runs = max(len(row.accuracies), 1)
    shared = max(min(runs, comparison.baseline_runs), 1)
    spread = row.error / math.sqrt(1 / runs + 1 / shared)
    for seeds in range(runs + 1, MAX_SEEDS + 1):
        setting = Setting(len(comparison.tricks), seeds, seeds)
        smallest = detectable(setting, spread, comparison.look + 1)
        width = half_width(setting, spread)
        assert smallest is not None
        assert width is not None
        if abs(row.difference) >= smallest:
            return seeds
        if abs(row.difference) + width < comparison.rules.min_effect:
            return seeds
    return None


def best_of_chance(trials: int, spread: float, gain: float) -> tuple[float, float]:
    """Return the largest difference by chance among single runs of tricks without effect.

    The largest difference to expect among `trials`, in points, and the chance that one is at
    least `gain`, for runs that spread by `spread`.
    """
    from scipy import integrate, stats

    def survives(z: float) -> float:
        """Density of the baseline's deviation, times P(no trick exceeds it by `gain`)."""
        return float(stats.norm.pdf(z) * stats.norm.cdf(z + gain / spread) ** trials)

    def at_largest(z: float) -> float:
        density = trials * stats.norm.pdf(z) * stats.norm.cdf(z) ** (trials - 1)
        return float(z * density)

    largest = integrate.quad(at_largest, -10, 10)[0] * spread
    return float(largest), float(1 - integrate.quad(survives, -10, 10)[0])
