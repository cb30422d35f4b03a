"""Each trial's difference from the baseline, with its standard error and a p value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from darkmagic.checklist.stats.linear import Design, Indices, Run, designs, fit, seed_variance
from darkmagic.checklist.stats.rounding import precision, rounding_step, rounding_variance
from darkmagic.checklist.stats.spread import (
    Spread,
    find_unstable,
    moderate,
    own_variances,
    prior_df,
    robust_variances,
)

__all__ = ["Effect", "Effects", "estimate_effects"]

Array = NDArray[np.float64]
WIDE_QUANTILE = 0.97
"""Of F: a trial whose own variance is beyond it is judged by that alone."""


@dataclass(frozen=True)
class Effect:
    """A trial minus the baseline, as a gain. `error` is None without degrees of freedom."""

    difference: float
    error: float | None = None
    df: float = 0.0
    unstable: bool = False

    @property
    def p_value(self) -> float | None:
        """Two-sided, of no difference, unadjusted."""
        from scipy.special import stdtr

        if self.error is None:
            return None
        return float(2 * stdtr(self.df, -abs(self.difference) / self.error))

    def minus(self, other: Effect) -> Effect:
        """Return this effect minus an independent one: their errors add up (Welch 1947)."""
        difference = self.difference - other.difference
        if self.error is None or other.error is None:
            return Effect(difference)
        own, others = self.error**2, other.error**2
        spent = own**2 / self.df + others**2 / other.df
        df = (own + others) ** 2 / spent if spent else min(self.df, other.df)
        return Effect(difference, math.sqrt(own + others), df)

    def interval(self, level: float = 0.95) -> tuple[float, float] | None:
        """Return the interval of `level`, in points, for this trial by itself."""
        from scipy.special import stdtrit

        if self.error is None:
            return None
        reach = float(stdtrit(self.df, (1 + level) / 2)) * self.error
        return self.difference - reach, self.difference + reach


@dataclass(frozen=True)
class Covariance:
    """Covariance of differences from one baseline, in squared points, in compact form: each
    trial's `own` variance, and the covariance that trials of two groups have in `common`.
    """

    own: Array
    common: Array  # (groups, groups)
    group_of: Indices  # of each trial

    @property
    def variances(self) -> Array:
        """Its diagonal."""
        return self.own + np.diag(self.common)[self.group_of]

    @property
    def loadings(self) -> Array:
        """How far each difference, over its error, goes with the luck of the baseline.

        No two correlate by less than the product of theirs, where groups differ.
        """
        shared = np.diag(self.common)
        with np.errstate(divide="ignore", invalid="ignore"):
            alike = np.nanmin(self.common / np.sqrt(np.outer(shared, shared)))
            found = np.sqrt(np.clip(alike * shared[self.group_of] / self.variances, 0, 1))
        return np.asarray(np.nan_to_num(found))

    def of(self, indices: Sequence[int]) -> Array:
        """Return the matrix of the trials at `indices`."""
        groups = self.group_of[list(indices)]
        return self.common[np.ix_(groups, groups)] + np.diag(self.own[list(indices)])


@dataclass(frozen=True)
class Effects:
    """A linear model's estimates for every trial, and of the noise that they share."""

    by_trial: dict[int, Effect]
    spread: float | None  # pooled standard deviation of a run, in points
    df: int
    seed_correlation: float | None  # share of the variance that runs of one seed have in common
    blocked: bool
    prior_df: float  # infinite: one spread for all trials
    own_spreads: dict[int, float] = field(default_factory=dict)  # the baseline's too
    baseline_unstable: bool = False
    trials: tuple[int, ...] = ()
    joint: Covariance | None = None  # of the differences of `trials`

    @property
    def covariance(self) -> Array | None:
        """Of all differences, (trials, trials) in squared points: large where there are many."""
        return None if self.joint is None else self.joint.of(range(len(self.trials)))


def estimate_effects(
    runs: Sequence[Run], resolution: float | None = None, overlap: float = 0.0
) -> Effects:
    """Return the effects of all trials in `runs`, of which trial 0 is the baseline.

    `resolution` is the step of an accuracy in points, 100 / images, taken from the accuracies
    themselves if None: runs that happen to agree still spread by its rounding. Of the models that
    `designs` offers, the one with the smaller standard errors counts. Trials that nothing
    links with the baseline are left out.

    Where seeds validate on folds of one set of images, `overlap` is how many images are validated
    on for each that is trained on. Runs whose training sets overlap err alike, so that the mean of
    J has the variance s^2 (1 / J + overlap), not s^2 / J (Nadeau & Bengio 2003, section 3).
    """
    if not any(run.trial == 0 for run in runs) or len({run.trial for run in runs}) < 2:
        return Effects({}, None, 0, None, blocked=False, prior_df=float("inf"))
    if resolution is None:
        resolution = rounding_step(run.accuracy for run in runs)
    smallest = precision(run.accuracy for run in runs)
    least = max(rounding_variance(resolution), smallest**2)
    found = [_estimate(design, least, smallest, overlap) for design in designs(runs)]
    return min(found, key=_typical_error)


def _typical_error(effects: Effects) -> float:
    errors = [e.error for e in effects.by_trial.values() if e.error is not None and not e.unstable]
    return float(np.median(errors)) if errors else float("inf")


def _estimate(design: Design, least: float, smallest: float, overlap: float) -> Effects:
    stable, unstable = _without_unstable(design, least)
    if not stable.df:
        differences = {
            trial: Effect(_tidy(effect, smallest))
            for trial, effect in zip(design.trials, design.effects, strict=True)
        }
        return Effects(differences, None, 0, None, design.blocked, float("inf"))
    alone = own_variances(stable, tuple(run for run in design.runs if run.trial in unstable))
    pooled = Spread(max(stable.variance, least), stable.df)
    prior = prior_df([spread for trial, spread in alone.items() if trial not in unstable])
    wide = unstable | find_unstable(alone, least, WIDE_QUANTILE)
    spreads = dict.fromkeys({run.trial for run in design.runs}, pooled)
    for trial, spread in alone.items():
        moderated = spread if trial in wide else moderate(spread, pooled, prior)
        spreads[trial] = Spread(max(moderated.variance, least), moderated.df)
    variances = np.array([spreads[run.trial].variance for run in design.runs])
    trials = np.array([spreads[trial].variance for trial in design.trials])
    common = (design.shared * variances) @ design.shared.T + overlap * spreads[0].variance
    covariance = Covariance(trials / design.counts + overlap * trials, common, design.group_of)
    errors = np.sqrt(covariance.variances)
    dfs = _satterthwaite(design, spreads, stable.df)
    effects = {
        trial: Effect(
            difference=_tidy(design.effects[index], smallest),
            error=float(errors[index]),
            df=float(dfs[index]),
            unstable=trial in unstable,
        )
        for index, trial in enumerate(design.trials)
    }
    between = seed_variance(stable)
    return Effects(
        by_trial=effects,
        spread=math.sqrt(pooled.variance),
        df=stable.df,
        seed_correlation=_share(between, pooled.variance),
        blocked=design.blocked,
        prior_df=prior,
        own_spreads={trial: math.sqrt(spread.variance) for trial, spread in alone.items()},
        baseline_unstable=0 in unstable,
        trials=design.trials,
        joint=covariance,
    )


def _without_unstable(design: Design, least: float) -> tuple[Design, set[int]]:
    """Fit again without the trials that spread too widely, until no more are found."""
    unstable = find_unstable(robust_variances(design), least)
    for _ in range(3):
        stable = _without(design, unstable)
        others = tuple(run for run in design.runs if run.trial in unstable)
        found = find_unstable(own_variances(stable, others), least)
        if found == unstable:
            break
        unstable = found
    return _without(design, unstable), unstable


def _without(design: Design, trials: set[int]) -> Design:
    if not trials:
        return design
    kept = [run for run in design.runs if run.trial not in trials]
    return fit(kept, blocked=design.blocked)


def _satterthwaite(design: Design, spreads: dict[int, Spread], most: float) -> Array:
    """Return each difference's degrees of freedom, as a sum of variances (Satterthwaite 1946)."""
    known = [spreads[trial] for trial in sorted(spreads)]
    variances = np.array([spread.variance for spread in known])
    dfs = np.array([spread.df for spread in known])
    # Of each group, what every trial's runs put into the variance of its differences.
    parts = variances * np.array(
        [np.bincount(design.trial_of, weights) for weights in design.shared**2]
    )
    indices = np.arange(1, len(known))
    alone = variances[1:] / design.counts
    total = parts.sum(1)[design.group_of] + alone
    mixed = 2 * parts[design.group_of, indices] * alone
    spent = (parts**2 / dfs).sum(1)[design.group_of] + (mixed + alone**2) / dfs[1:]
    with np.errstate(divide="ignore", invalid="ignore"):
        return np.where(spent > 0, np.minimum(total**2 / spent, most), most)


def _tidy(difference: float, smallest: float) -> float:
    """Let rounding errors of least squares be no difference."""
    return float(difference) if abs(difference) > smallest else 0.0


def _share(between: float | None, within: float) -> float | None:
    if between is None:
        return None
    total = between + within
    return between / total if total else None
