"""How widely runs spread: pooled over the trials, and each trial's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkmagic.checklist.stats.linear import Design, Run

__all__ = ["Spread", "find_unstable", "moderate", "own_variances", "prior_df"]

Array = NDArray[np.float64]
UNSTABLE_QUANTILE = 0.999
MIN_DF = 1e-9
"""Degrees of freedom: what rounding leaves of none."""


@dataclass(frozen=True)
class Spread:
    """A variance, in squared points, and its degrees of freedom."""

    variance: float
    df: float


def own_variances(design: Design, others: tuple[Run, ...] = ()) -> dict[int, Spread]:
    """Return each trial's own variance, for trials with two runs or more.

    `others` are runs left out of `design`: its blocks are taken off before they are compared.
    """
    trials = (min((run.trial for run in design.runs), default=0), *design.trials)
    counts = np.bincount(design.trial_of)
    dfs = np.bincount(design.trial_of, 1 - design.leverages)
    squares = np.bincount(design.trial_of, design.residuals**2)
    found = {
        trial: Spread(float(square) / float(df), float(df))
        for trial, count, df, square in zip(trials, counts, dfs, squares, strict=True)
        if count > 1 and df > MIN_DF
    }
    left_out: dict[int, list[float]] = {}
    for run in others:
        level = run.accuracy - design.seed_effects.get(run.seed, 0.0)
        left_out.setdefault(run.trial, []).append(level)
    for trial, values in sorted(left_out.items()):
        if len(values) > 1:
            found[trial] = Spread(float(np.var(values, ddof=1)), len(values) - 1)
    return found


def find_unstable(spreads: dict[int, Spread]) -> set[int]:
    """Return the trials whose variance no trial of a common spread would show.

    Beyond the 99.9 % point of F against a pooled variance that is made from the median, which
    wild trials do not move.
    """
    from scipy.special import chdtri, fdtri

    if len(spreads) < 3:
        return set()
    variances = np.array([spread.variance for spread in spreads.values()])
    df = np.array([spread.df for spread in spreads.values()])
    # A chi-squared variable has its median below its mean: by that much a median is short.
    typical = np.median(variances / (chdtri(df, 0.5) / df))
    if typical == 0:
        return set()
    wild = variances > typical * fdtri(df, df.sum() - df, UNSTABLE_QUANTILE)
    return {trial for trial, is_wild in zip(spreads, wild, strict=True) if is_wild}


def prior_df(spreads: list[Spread]) -> float:
    """Return the prior degrees of freedom that the common spread adds to each trial's own.

    Infinite if the variances differ by chance only, small if trials really spread
    differently. Smyth 2004, "Linear models and empirical Bayes methods",
    section 6.2: matches the variance of the log variances.
    """
    from scipy.optimize import brentq
    from scipy.special import digamma, polygamma

    usable = [s for s in spreads if s.variance > 0]
    if len(usable) < 2:
        return float("inf")
    half = np.array([s.df / 2 for s in usable])
    logs = np.log([s.variance for s in usable]) - digamma(half) + np.log(half)
    excess = float(np.var(logs, ddof=1) - polygamma(1, half).mean())
    if excess <= float(polygamma(1, 1e6)):
        return float("inf")
    return 2 * float(brentq(lambda x: polygamma(1, x) - excess, 1e-6, 1e6))


def moderate(own: Spread, pooled: Spread, prior: float) -> Spread:
    """Return a trial's `own` spread shrunk towards the `pooled` one with weight `prior`."""
    if prior == float("inf"):
        return pooled
    df = prior + own.df
    variance = (prior * pooled.variance + own.df * own.variance) / df
    return Spread(variance, min(df, pooled.df))
