"""How widely runs spread: pooled over the trials, and each trial's own."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkmagic.checklist.stats.linear import Design, Run

__all__ = [
    "Spread",
    "find_unstable",
    "moderate",
    "own_variances",
    "prior_df",
    "robust_variances",
]

Array = NDArray[np.float64]
UNSTABLE_TABLES = 0.02
"""Of tables whose trials all spread alike, the share in which one is called unstable by luck."""
COARSE = 3.0
"""Times the variance of rounding: runs that are one image to either side of their mean."""
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
            # The blocks are means over the other trials, whose own noise is in them.
            noise = 1 + 1 / len(trials) if design.blocked else 1.0
            found[trial] = Spread(float(np.var(values, ddof=1)) / noise, len(values) - 1)
    return found


def robust_variances(design: Design) -> dict[int, Spread]:
    """Return each trial's own variance as `own_variances` does, with seeds' effects by medians.

    By least squares one wild run is in the effect of its seed, and through it in the variance
    of every trial: in a small table nothing stands out then. Medians leave it where it is.
    """
    accuracies = np.array([run.accuracy for run in design.runs])
    own = design.trial_of == np.arange(design.trial_of.max() + 1)[:, None]
    centred = accuracies - np.array([np.median(accuracies[of]) for of in own])[design.trial_of]
    seeds, seed_of = np.unique([run.seed for run in design.runs], return_inverse=True)
    if design.blocked:
        levels = np.array([np.median(centred[seed_of == seed]) for seed in range(len(seeds))])
        centred = centred - levels[seed_of]
    trials = (min(run.trial for run in design.runs), *design.trials)
    return {
        trial: Spread(float(np.var(centred[of], ddof=1)), float(of.sum() - 1))
        for trial, of in zip(trials, own, strict=True)
        if of.sum() > 1
    }


def find_unstable(
    spreads: dict[int, Spread], least: float = 0.0, quantile: float | None = None
) -> set[int]:
    """Return the trials whose variance no trial of a common spread would show.

    Beyond a `quantile` of F against a pooled variance that is made from the median, which wild
    trials do not move; by default that which 2 tables in 100 pass by luck. `least` is what
    rounding alone gives: a median near it says only that runs agreed to the image.
    """
    from scipy.special import chdtri, fdtri

    if len(spreads) < 3:
        return set()
    variances = np.array([spread.variance for spread in spreads.values()])
    df = np.array([spread.df for spread in spreads.values()])
    # A chi-squared variable has its median below its mean: by that much a median is short.
    typical = max(float(np.median(variances / (chdtri(df, 0.5) / df))), COARSE * least)
    if quantile is None:
        quantile = 1 - UNSTABLE_TABLES / len(spreads)
    if typical == 0:
        return set()
    wild = variances > typical * fdtri(df, df.sum() - df, quantile)
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
