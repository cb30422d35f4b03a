"""What a sweep of a given shape finds four times in five, by drawing such sweeps.

The formula `error * (t(level) + t(0.8))` promises too much: spreads are estimated, compared and
shrunk, and rows are tested together. So sweeps of the same seeds are drawn without any effect
and put through the estimates of the report; what a row would have needed in each of them to be
found is known, and four fifths of them need less than the figure that is returned.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence

import numpy as np

from darkmagic.checklist.stats.effects import estimate_effects
from darkmagic.checklist.stats.linear import Run
from darkmagic.checklist.stats.step_down import critical_p

__all__ = ["POWER", "detectable_errors", "detectable_points"]

POWER = 0.8
DRAWN_DF = 3000
"""Degrees of freedom drawn for a figure: it varies by the spread that each sweep estimates."""
MIN_SWEEPS, MAX_SWEEPS = 30, 200
MANY_DF = 5000


@functools.lru_cache(maxsize=256)
def detectable_errors(
    seeds_of: Sequence[Sequence[int]], level: float, sweeps: int | None = None
) -> dict[tuple[int, ...], float]:
    """Return the effect that is found four times in five, in standard errors, by a row's seeds.

    `seeds_of` has the seeds of each trial's runs, the baseline's first; every trial counts among
    the tests, at `level` in all. Rows for which there is no error are left out.
    """
    needed, errors = _draw(seeds_of, level, sweeps, 0.0)
    return {
        seeds: float(np.quantile(values, POWER) / np.sqrt(np.mean(np.square(errors[seeds]))))
        for seeds, values in needed.items()
    }


def detectable_points(
    seeds: int, baseline_runs: int, trials: int, level: float, correlation: float, sweeps: int
) -> float:
    """Return the effect that is found four times in five where all runs spread by 1.

    Runs of one seed share `correlation` of their variance.
    """
    own = tuple(range(seeds))
    seeds_of = (tuple(range(baseline_runs)), *[own] * trials)
    needed, _ = _draw(seeds_of, level, sweeps, correlation)
    return float(np.quantile(needed[own], POWER))


def _draw(
    seeds_of: Sequence[Sequence[int]], level: float, sweeps: int | None, correlation: float
) -> tuple[dict[tuple[int, ...], list[float]], dict[tuple[int, ...], list[float]]]:
    """Return what rows need to be found, and their errors, in sweeps without any effect."""
    tests = len(seeds_of) - 1
    if sweeps is None:
        df = sum(max(len(seeds) - 1, 0) for seeds in seeds_of)
        least = MIN_SWEEPS if df < MANY_DF else 2  # each of which has rows enough
        sweeps = min(max(DRAWN_DF // max(df, 1), least), MAX_SWEEPS)
    rng = np.random.default_rng(tests)
    places = [(trial, seed) for trial, seeds in enumerate(seeds_of) for seed in seeds]
    numbers = np.array([seed for _, seed in places])
    needed: dict[tuple[int, ...], list[float]] = {}
    errors: dict[tuple[int, ...], list[float]] = {}
    for _ in range(sweeps):
        drawn = (1 - correlation) ** 0.5 * rng.standard_normal(len(places))
        if correlation:
            drawn += (correlation**0.5 * rng.standard_normal(int(numbers.max()) + 1))[numbers]
        values = zip(places, drawn.tolist(), strict=True)
        effects = estimate_effects([Run(*place, value) for place, value in values], 0.0)
        critical = critical_p(effects, tests, level)
        for trial, effect in effects.by_trial.items():
            interval = effect.interval(1 - critical)
            if interval is None or effect.error is None:
                continue
            seeds = tuple(seeds_of[trial])
            # A gain or a loss is found if it is larger than what is left of the interval.
            needed.setdefault(seeds, []).extend((-interval[0], interval[1]))
            errors.setdefault(seeds, []).append(effect.error)
    return needed, errors
