"""Each trial's difference from the baseline, with its standard error and a p value."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from darkmagic.checklist.linear import Design, Run, designs, fit, seed_variance
from darkmagic.checklist.spread import (
    Spread,
    find_unstable,
    moderate,
    own_variances,
    prior_df,
)

__all__ = ["Effect", "Effects", "estimate_effects"]

Array = NDArray[np.float64]


@dataclass(frozen=True)
class Effect:
    """A trial minus the baseline, in points. `error` is None without degrees of freedom."""

    difference: float
    error: float | None = None
    df: float = 0.0
    unstable: bool = False

    @property
    def p_value(self) -> float | None:
        """Two-sided, of no difference, unadjusted."""
        from scipy import stats

        if self.error is None:
            return None
        if self.error == 0:
            return 1.0 if self.difference == 0 else 0.0
        return float(2 * stats.t.sf(abs(self.difference) / self.error, self.df))

    def interval(self, level: float = 0.95) -> tuple[float, float] | None:
        """Return the interval of `level`, in points, for this trial by itself."""
        from scipy import stats

        if self.error is None:
            return None
        reach = float(stats.t.ppf((1 + level) / 2, self.df)) * self.error
        return self.difference - reach, self.difference + reach


@dataclass(frozen=True)
class Effects:
    """What a linear model says of every trial, and of the noise that they share."""

    by_trial: dict[int, Effect]
    spread: float | None  # pooled standard deviation of a run, in points
    df: int
    seed_correlation: float | None  # share of the variance that runs of one seed have in common
    blocked: bool
    prior_df: float  # infinite: one spread for all trials
    own_spreads: dict[int, float] = field(default_factory=dict)  # the baseline's too
    baseline_unstable: bool = False
    trials: tuple[int, ...] = ()
    covariance: Array | None = None  # of the differences of `trials`, squared points


def estimate_effects(runs: Sequence[Run]) -> Effects:
    """Return the effects of all trials in `runs`, of which trial 0 is the baseline.

    Of the models that `designs` offers, the one with the smaller standard errors counts.
    Trials that nothing links with the baseline are left out.
    """
    if not any(run.trial == 0 for run in runs) or len({run.trial for run in runs}) < 2:
        return Effects({}, None, 0, None, blocked=False, prior_df=float("inf"))
    found = [_estimate(design) for design in designs(runs)]
    return min(found, key=_typical_error)


def _typical_error(effects: Effects) -> float:
    errors = [e.error for e in effects.by_trial.values() if e.error is not None and not e.unstable]
    return float(np.median(errors)) if errors else float("inf")


def _estimate(design: Design) -> Effects:
    calm, unstable = _without_unstable(design)
    if not calm.df:
        differences = {
            trial: Effect(float(effect))
            for trial, effect in zip(design.trials, design.effects, strict=True)
        }
        return Effects(differences, None, 0, None, design.blocked, float("inf"))
    own = own_variances(calm, tuple(run for run in design.runs if run.trial in unstable))
    pooled = Spread(calm.variance, calm.df)
    prior = prior_df([spread for trial, spread in own.items() if trial not in unstable])
    spreads = {
        trial: own[trial]
        if trial in unstable
        else moderate(own[trial], pooled, prior)
        if trial in own
        else pooled
        for trial in {run.trial for run in design.runs}
    }
    variances = np.array([spreads[run.trial].variance for run in design.runs])
    covariance = (design.weights * variances) @ design.weights.T
    effects = {
        trial: Effect(
            difference=float(design.effects[place]),
            error=math.sqrt(covariance[place, place]),
            df=_satterthwaite(design, place, spreads, calm.df),
            unstable=trial in unstable,
        )
        for place, trial in enumerate(design.trials)
    }
    between = seed_variance(calm)
    return Effects(
        by_trial=effects,
        spread=math.sqrt(pooled.variance),
        df=calm.df,
        seed_correlation=_share(between, pooled.variance),
        blocked=design.blocked,
        prior_df=prior,
        own_spreads={trial: math.sqrt(spread.variance) for trial, spread in own.items()},
        baseline_unstable=0 in unstable,
        trials=design.trials,
        covariance=covariance,
    )


def _without_unstable(design: Design) -> tuple[Design, set[int]]:
    """Fit again without the trials that spread too widely, until no more are found."""
    calm, unstable = design, set[int]()
    for _ in range(3):
        others = tuple(run for run in design.runs if run.trial in unstable)
        found = find_unstable(own_variances(calm, others))
        if found == unstable:
            break
        kept = [run for run in design.runs if run.trial not in found]
        calm, unstable = fit(kept, blocked=design.blocked), found
    return calm, unstable


def _satterthwaite(design: Design, place: int, spreads: dict[int, Spread], most: float) -> float:
    """Return the degrees of freedom of a sum of variances. Satterthwaite 1946."""
    parts: dict[int, float] = {}
    for run, weight in zip(design.runs, design.weights[place], strict=True):
        parts[run.trial] = parts.get(run.trial, 0.0) + weight**2 * spreads[run.trial].variance
    total = sum(parts.values())
    if total == 0:
        return most
    spent = sum(part**2 / spreads[trial].df for trial, part in parts.items())
    return min(total**2 / spent, most) if spent else most


def _share(between: float | None, within: float) -> float | None:
    if between is None:
        return None
    total = between + within
    return between / total if total else None
