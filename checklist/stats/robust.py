"""Robust summaries of small numbers of runs on several tasks.

Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice"
(NeurIPS, arXiv 2108.13264), sections 4.2 and 4.3: the interquartile mean over all runs of all
experiments, intervals by a bootstrap that is stratified by experiment, and the probability
that a run of the trick beats a run of the baseline. Scores are points above the mean of the
experiment's own baseline, so that experiments of different difficulty can be averaged.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Estimate",
    "bootstrap",
    "interquartile_mean",
    "next_experiment",
    "probability_of_improvement",
]

Array = NDArray[np.float64]
MIN_EXPERIMENTS = 3
RESAMPLES = 4000
SEED = 0


@dataclass(frozen=True)
class Estimate:
    """A value with the ends of its 95 % interval."""

    value: float
    low: float
    high: float


def interquartile_mean(scores: Array) -> Array:
    """Return the mean of the middle half of `scores` (..., N)."""
    from scipy import stats

    return np.asarray(stats.trim_mean(scores, 0.25, axis=-1))


def probability_of_improvement(own: Array, baseline: Array) -> Array:
    """Return the share of pairs in which one of `own` (..., N) beats one of `baseline`
    (..., M), ties counting half: the Mann-Whitney statistic over N M.
    """
    larger = own[..., :, None] > baseline[..., None, :]
    equal = own[..., :, None] == baseline[..., None, :]
    return np.asarray((larger + 0.5 * equal).mean((-2, -1)))


def bootstrap(own: list[Array], baseline: list[Array]) -> tuple[Estimate, Estimate]:
    """Return the gain in points, and the probability of improvement in [0, 1].

    Both lists have an array of accuracies in percent, (runs,), for each experiment.
    """
    rng = np.random.default_rng(SEED)
    drawn_own = [_resampled(runs, rng) for runs in own]
    drawn_base = [_resampled(runs, rng) for runs in baseline]
    return (
        _estimate(_gain(own, baseline), _gain(drawn_own, drawn_base)),
        _estimate(_improvement(own, baseline), _improvement(drawn_own, drawn_base)),
    )


def next_experiment(gains: Array, errors: Array) -> Estimate | None:
    """Return the gain to expect in another experiment like these, with its 95 % interval.

    `gains` and their standard `errors` are one an experiment. Effects differ between experiments
    by a variance that Paule and Mandel's equation gives; the mean has Hartung and Knapp's error,
    and the interval for a new effect adds both (Higgins, Thompson & Spiegelhalter 2009). None
    for fewer than three experiments.
    """
    from scipy.special import stdtrit

    count = len(gains)
    if count < MIN_EXPERIMENTS:
        return None
    within = np.maximum(np.asarray(errors, dtype=float) ** 2, 1e-12)
    between = _between(gains, within)
    weights = 1 / (within + between)
    mean = float((weights * gains).sum() / weights.sum())
    misfit = float((weights * (gains - mean) ** 2).sum()) / (count - 1)
    error = max(1.0, misfit) / float(weights.sum())
    reach = float(stdtrit(count - 2, 0.975)) * float(np.sqrt(between + error))
    return Estimate(mean, mean - reach, mean + reach)


def _between(gains: Array, within: Array) -> float:
    """Return the variance between experiments at which the gains misfit by as much as expected."""
    from scipy.optimize import brentq

    def excess(between: float) -> float:
        weights = 1 / (within + between)
        mean = (weights * gains).sum() / weights.sum()
        return float((weights * (gains - mean) ** 2).sum()) - (len(gains) - 1)

    if excess(0.0) <= 0:
        return 0.0
    return float(brentq(excess, 0.0, 10 * float(np.var(gains, ddof=1)) + float(within.max())))


def _resampled(runs: Array, rng: np.random.Generator) -> Array:
    """Draw as many of an experiment's own runs, with replacement: (RESAMPLES, N)."""
    return runs[rng.integers(len(runs), size=(RESAMPLES, len(runs)))]


def _gain(own: list[Array], baseline: list[Array]) -> Array:
    above = [x - base.mean(-1, keepdims=True) for x, base in zip(own, baseline, strict=True)]
    return interquartile_mean(np.concatenate(above, axis=-1))


def _improvement(own: list[Array], baseline: list[Array]) -> Array:
    pairs = zip(own, baseline, strict=True)
    return np.asarray(np.mean([probability_of_improvement(*pair) for pair in pairs], axis=0))


def _estimate(value: Array, resampled: Array) -> Estimate:
    low, high = np.percentile(resampled, [2.5, 97.5]).tolist()
    return Estimate(float(value), low, high)
