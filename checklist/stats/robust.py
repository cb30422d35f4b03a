"""One table over many experiments: robust summaries of small numbers of runs on several tasks.

Agarwal et al. 2021, "Deep Reinforcement Learning at the Edge of the Statistical Precipice"
(NeurIPS, arXiv 2108.13264), sections 4.2 and 4.3: the interquartile mean over all runs of all
experiments, intervals by a bootstrap that is stratified by experiment, and the probability
that a run of the trick beats a run of the baseline. Scores are points above the mean of the
experiment's own baseline, so that experiments of different difficulty can be averaged.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import Interval

__all__ = ["Summary", "interquartile_mean", "probability_of_improvement", "summarise"]

Array = NDArray[np.float64]
RESAMPLES = 4000
SEED = 0


@dataclass(frozen=True)
class Summary:
    """A trial over `experiments`. `gain` is an interquartile mean in points, `improvement` the
    probability in [0, 1] that one of its runs beats one of the baseline's; intervals are 95 %.
    """

    name: str
    section: str
    experiments: int
    runs: int
    gain: float
    gain_interval: Interval
    improvement: float
    improvement_interval: Interval


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


def summarise(comparisons: Mapping[str, Comparison]) -> list[Summary]:
    """Return a summary of every trial that has runs in `comparisons`, largest gain first."""
    sections = {row.name: row.section for c in comparisons.values() for row in c.tricks}
    found = []
    for name, section in sections.items():
        own, baseline = _runs_of(name, comparisons.values())
        if own:
            found.append(_summary(name, section, own, baseline))
    return sorted(found, key=lambda summary: -summary.gain)


def _runs_of(name: str, comparisons: Iterable[Comparison]) -> tuple[list[Array], list[Array]]:
    own, baseline = [], []
    for comparison in comparisons:
        rows = {row.name: row for row in comparison.tricks}
        base = comparison.baseline.accuracies
        if name in rows and rows[name].accuracies and base:
            own.append(np.array(list(rows[name].accuracies.values())))
            baseline.append(np.array(list(base.values())))
    return own, baseline


def _summary(name: str, section: str, own: list[Array], baseline: list[Array]) -> Summary:
    rng = np.random.default_rng(SEED)
    drawn_own = [_resampled(runs, rng) for runs in own]
    drawn_base = [_resampled(runs, rng) for runs in baseline]
    gain, gains = _gain(own, baseline), _gain(drawn_own, drawn_base)
    better, betters = _improvement(own, baseline), _improvement(drawn_own, drawn_base)
    return Summary(
        name=name,
        section=section,
        experiments=len(own),
        runs=sum(len(runs) for runs in own),
        gain=float(gain),
        gain_interval=_percentiles(gains),
        improvement=float(better),
        improvement_interval=_percentiles(betters),
    )


def _resampled(runs: Array, rng: np.random.Generator) -> Array:
    """Draw as many of an experiment's own runs, with replacement: (RESAMPLES, N)."""
    return runs[rng.integers(len(runs), size=(RESAMPLES, len(runs)))]


def _gain(own: list[Array], baseline: list[Array]) -> Array:
    above = [x - base.mean(-1, keepdims=True) for x, base in zip(own, baseline, strict=True)]
    return interquartile_mean(np.concatenate(above, axis=-1))


def _improvement(own: list[Array], baseline: list[Array]) -> Array:
    pairs = zip(own, baseline, strict=True)
    return np.asarray(np.mean([probability_of_improvement(*pair) for pair in pairs], axis=0))


def _percentiles(values: Array) -> Interval:
    low, high = np.percentile(values, [2.5, 97.5]).tolist()
    return Interval(low, high)
