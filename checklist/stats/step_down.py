"""Many differences from one baseline tested together: step-down max-t (Dunnett & Tamhane 1991).

Differences that share a baseline err together: where it is unlucky, all of them look good. So
the largest of m is less extreme than m independent ones would make it, and adjusting for that
finds more than Bonferroni or Holm at the same error. Rows are tested from the smallest p value
on, each against the largest of those that are left.

Trial i's statistic is modelled as `loading_i * z + sqrt(1 - loading_i**2) * e_i`, z the
baseline's luck, all over a common estimate of the spread with `df` degrees of freedom. Where
trials have spreads of their own, `df` is infinite: the p values are exact each, and are joined
by a normal copula. Both integrals are by Gauss's quadrature, so nothing is drawn.
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkmagic.checklist.stats.effects import Effects

__all__ = ["Tested", "adjust", "critical_level", "critical_p", "test_together"]

Array = NDArray[np.float64]
POINTS = 32
"""Nodes of the integral over the baseline's luck: an error below 1e-5 of a p value."""
SPREAD_POINTS = 48
LOADING_STEP = 0.02
"""Loadings are rounded down to it, which errs on the side of too few claims."""
MIN_P = 1e-12
"""Smaller p values are not told apart; the quadrature's own error is about as large."""


@dataclass(frozen=True)
class Tested:
    """One of the tests of a table: `p_value` is adjusted for their number, and `interval`, in
    points, holds at one minus the level together with those of all other rows.
    """

    p_value: float
    interval: tuple[float, float]


def test_together(
    effects: Effects, trials: Sequence[int | None], level: float
) -> list[Tested | None]:
    """Test `trials` of `effects` together at `level`; None is one that cannot be tested.

    The intervals are those of one step, which hold together and agree with the verdicts but
    for one thing: a later step may claim a row whose interval reaches over 0. It ends at 0 then.
    """
    joint = _loadings(effects)
    found = [None if trial is None else effects.by_trial.get(trial) for trial in trials]
    known = [e if e is not None and e.error is not None else None for e in found]
    loadings = [
        None if effect is None or trial is None else joint.get(trial)
        for effect, trial in zip(known, trials, strict=True)
    ]
    p_values = [None if effect is None else effect.p_value for effect in known]
    adjusted = adjust(p_values, loadings, _common_df(effects))
    critical = critical_p(effects, len(trials), level)
    tested: list[Tested | None] = []
    for effect, p in zip(known, adjusted, strict=True):
        interval = effect.interval(1 - critical) if effect else None
        if effect is None or interval is None:
            tested.append(None)
            continue
        if p < level and interval[0] <= 0 <= interval[1]:
            interval = (0.0, interval[1]) if effect.difference > 0 else (interval[0], 0.0)
        tested.append(Tested(p, interval))
    return tested


def critical_p(effects: Effects, tests: int, level: float) -> float:
    """Return the p value below which one of `tests` rows of `effects` is found at `level`."""
    loadings = list(_loadings(effects).values())
    least = min(_rounded(loadings).tolist(), default=0.0)
    return critical_level(level, max(tests, 1), least, _common_df(effects))


def _loadings(effects: Effects) -> dict[int, float]:
    if effects.joint is None:
        return {}
    return dict(zip(effects.trials, effects.joint.loadings.tolist(), strict=True))


def _common_df(effects: Effects) -> float:
    """Return the degrees of freedom of the spread that all rows share; infinite without one."""
    dfs = {round(e.df, 6) for e in effects.by_trial.values() if e.error is not None}
    return dfs.pop() if len(dfs) == 1 else float("inf")


def adjust(
    p_values: Sequence[float | None], loadings: Sequence[float | None], df: float = float("inf")
) -> list[float]:
    """Return p values adjusted for their number; each at most 1 and at least its own.

    None is a test that has no result: it counts among the others, with p = 1, so that dropping
    rows buys nothing.

    >>> [round(p, 4) for p in adjust([0.004, 0.03, None], [0.7, 0.7, None])]
    [0.0113, 0.0556, 1.0]
    """
    if len(p_values) == 0:
        return []
    raw = np.array([1.0 if p is None else max(p, MIN_P) for p in p_values])
    groups, group_of = np.unique(_rounded(loadings), return_inverse=True)
    order = np.argsort(raw, kind="stable")
    # Of each group, how many are left when the k-th smallest is tested.
    member = np.eye(len(groups))[group_of[order]]
    left = member[::-1].cumsum(0)[::-1]
    found = np.where(raw[order] < 1, _exceeded(raw[order], groups, left, df), 1.0)
    adjusted = np.empty_like(raw)
    adjusted[order] = np.maximum.accumulate(np.clip(np.maximum(found, raw[order]), 0, 1))
    return [float(p) for p in adjusted]


@functools.lru_cache(maxsize=4096)  # a large table asks for some at each number of more seeds
def critical_level(
    level: float, count: int, loading: float = 0.5**0.5, df: float = float("inf")
) -> float:
    """Return the p value below which any of `count` tests is significant at `level` in all.

    Intervals of one minus that level hold all together.

    >>> round(critical_level(0.05, 1), 3), round(critical_level(0.05, 15), 4)
    (0.05, 0.0047)
    """
    from scipy.optimize import brentq

    groups, left = _rounded([loading])[:1], np.array([[float(count)]])

    def excess(log_p: float) -> float:
        return float(_exceeded(np.exp([log_p]), groups, left, df)[0]) - level

    if count < 2:
        return level
    return float(np.exp(brentq(excess, np.log(level / count) - 1e-3, np.log(level), xtol=1e-7)))


def _rounded(loadings: Sequence[float | None]) -> Array:
    """Round down; tests without a result have the median loading, as if they had been tested."""
    known = [loading for loading in loadings if loading is not None]
    usual = float(np.median(known)) if known else 0.0
    values = np.array([usual if loading is None else loading for loading in loadings])
    steps = np.floor(np.clip(values, 0.0, 0.98) / LOADING_STEP + 1e-9) * LOADING_STEP
    # What a balanced table has is kept as it is.
    return np.asarray(np.where(np.abs(values - 0.5**0.5) < 1e-9, 0.5**0.5, steps))


def _exceeded(p_values: Array, groups: Array, left: Array, df: float) -> Array:
    """Return P(any p value <= p) for each of `p_values` (k,) among `left` (k, groups) tests."""
    from scipy.special import log_ndtr, stdtrit

    z, weights = _normal_nodes()
    scales, scale_weights = _chi_nodes(df)
    limits = (-stdtrit(df, p_values / 2))[:, None] * scales  # (k, scales)
    log_inside = np.zeros((len(p_values), len(scales), len(z)))
    for index, loading in enumerate(groups.tolist()):
        rest = (1 - loading**2) ** 0.5
        # log P(-limit < T < limit | z), by its two tails, which are small.
        below = np.exp(log_ndtr((-limits[..., None] - loading * z) / rest))
        above = np.exp(log_ndtr((-limits[..., None] + loading * z) / rest))
        log_inside += left[:, index, None, None] * np.log1p(-np.minimum(below + above, 1 - 1e-15))
    found = -(np.expm1(log_inside) @ weights) @ scale_weights
    return np.asarray(found)


@functools.cache
def _normal_nodes() -> tuple[Array, Array]:
    nodes, weights = np.polynomial.hermite_e.hermegauss(POINTS)
    return np.asarray(nodes), np.asarray(weights / weights.sum())


@functools.lru_cache(maxsize=64)
def _chi_nodes(df: float) -> tuple[Array, Array]:
    """Return values of sqrt(chi2 / df) and their weights, even in its logarithm.

    A spread that is estimated far too small is what makes a small p value by chance, so that
    tail is covered as far as `MIN_P`.
    """
    from scipy.special import chdtri, gammaln

    if not np.isfinite(df):
        return np.ones(1), np.ones(1)
    low, high = 0.5 * np.log(chdtri(df, [1 - 1e-13, 1e-13]) / df)
    nodes, weights = np.polynomial.legendre.leggauss(SPREAD_POINTS)
    logs = low + (nodes + 1) / 2 * (high - low)
    half = df / 2
    density = 2 * half * logs - half * np.exp(2 * logs) + half * np.log(half) - gammaln(half)
    weights = weights * np.exp(density)
    return np.asarray(np.exp(logs)), np.asarray(weights / weights.sum())
