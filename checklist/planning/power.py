"""What a number of seeds can find, before a sweep."""

from __future__ import annotations

import math
from dataclasses import dataclass

from darkmagic.checklist.stats.alpha_spending import ALPHA, share_of_look

__all__ = [
    "Setting",
    "best_of_chance",
    "detectable",
    "half_width",
    "setting_of",
    "settings",
]


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


def setting_of(trials: int, runs: int) -> Setting | None:
    """Return how `runs` are spent one trick at a time, the baseline with what is left over.

    None where there are too few for a run of each trial and the baseline, or nothing to compare.

    >>> setting_of(trials=6, runs=60)
    Setting(trials=6, seeds=8, baseline_runs=12)
    """
    seeds = runs // (trials + 1)
    return Setting(trials, seeds, runs - trials * seeds) if seeds and trials else None


def detectable(setting: Setting, spread: float, look: int = 1) -> float | None:
    """Return the effect, in points, that a sweep finds four times in five.

    `spread` is the standard deviation of a run within its seed, in points. Sweeps of the same
    runs are drawn and judged as the report judges them. None without degrees of freedom.

    >>> round(detectable(Setting(trials=15, seeds=3, baseline_runs=3), spread=0.2), 1)
    0.7
    """
    from darkmagic.checklist.stats.detectable import detectable_errors

    if setting.df < 1:
        return None
    own = tuple(range(setting.seeds))
    seeds_of = (tuple(range(setting.baseline_runs)), *[own] * setting.trials)
    errors = detectable_errors(seeds_of, ALPHA * share_of_look(look))[own]
    return errors * spread * setting.error


def half_width(setting: Setting, spread: float) -> float | None:
    """Return half the width of an interval, in points; None without degrees of freedom.

    Of those that hold for all rows together, at the first look.
    """
    from scipy.special import stdtrit

    from darkmagic.checklist.stats.step_down import critical_level

    if setting.df < 1:
        return None
    loading = math.sqrt(1 / setting.baseline_runs) / setting.error
    level = ALPHA * share_of_look(1)
    critical = critical_level(level, setting.trials, loading, float(setting.df))
    return -float(stdtrit(setting.df, critical / 2)) * spread * setting.error


def best_of_chance(trials: int, spread: float, gain: float) -> tuple[float, float]:
    """Return the largest difference by chance among single runs of tricks without effect.

    The largest difference to expect among `trials`, in points, and the chance that one is at
    least `gain`, for runs that spread by `spread`.
    """
    from scipy.integrate import quad
    from scipy.special import ndtr

    def pdf(z: float) -> float:
        return math.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)

    def survives(z: float) -> float:
        """Density of the baseline's deviation, times P(no trick exceeds it by `gain`)."""
        return float(pdf(z) * ndtr(z + gain / spread) ** trials)

    def at_largest(z: float) -> float:
        return float(z * trials * pdf(z) * ndtr(z) ** (trials - 1))

    largest = quad(at_largest, -10, 10)[0] * spread
    return float(largest), float(1 - quad(survives, -10, 10)[0])
