"""Pairs of tricks that a screen tells apart from the rest: what they do beyond their sum."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from darkmagic.checklist.designs.fit import Array, Choice, ScreenFit
from darkmagic.checklist.model import RATE_TRICK

__all__ = [
    "Cells",
    "Together",
    "averaged",
    "interaction_p",
    "runs_to_separate",
    "separated_p",
    "togethers",
    "unequal_cells",
]

Cells = Mapping[tuple[str, str], Mapping[tuple[str, str], tuple[float, float]]]
"""By pair of tricks, what each combination of their options gains, and its standard error."""
PROVED = 0.05

MIN_RUNS = 4
RUNS_A_PARAMETER = 2
"""Runs that are added for each combination that is to be told apart, so that its error is small."""


@dataclass(frozen=True)
class Together:
    """What `pair`, two options, does beyond the sum of what each does at the other's baseline, in
    points, with its standard error; None without degrees of freedom.
    """

    pair: tuple[Choice, Choice]
    points: float
    error: float | None


def runs_to_separate(levels: tuple[int, int]) -> int:
    """Return how many runs are added to separate two tricks of so many options.

    >>> runs_to_separate((2, 2)), runs_to_separate((3, 3))
    (4, 10)
    """
    return max(MIN_RUNS, RUNS_A_PARAMETER * (levels[0] - 1) * (levels[1] - 1) + 2)


def averaged(fit: ScreenFit, weights: Array, baseline: Mapping[str, str]) -> Array:
    """Return `weights` (options, columns) with each option averaged over those it is crossed with.

    A coefficient is an option's effect at the baseline's option of its partner; on average over
    the partner's options a part of each pair comes to it. The rate is no such partner.
    """
    levels = dict.fromkeys(baseline, 1)
    for trick, _ in fit.options:
        levels[trick] += 1
    found = weights.copy()
    first = 1 + len(fit.options)
    for index, option in enumerate(fit.options):
        for column, pair in enumerate(fit.pairs, start=first):
            other = next((each for each in pair if each != option), None)
            if option in pair and other is not None and not _is_rate(pair):
                found[index, column] += 1 / levels[other[0]]
    return found


def togethers(fit: ScreenFit, tricks: tuple[str, str]) -> list[Together]:
    """Return what each pair of options of two `tricks` does beyond its sum."""
    return [
        Together(
            pair,
            float(fit.coefficients[column]),
            float(np.sqrt(fit.variance * fit.inverse[column, column])) if fit.df else None,
        )
        for column, pair in _columns(fit, tricks)
    ]


def interaction_p(fit: ScreenFit, tricks: tuple[str, str]) -> float | None:
    """Return the p value of no interaction of two `tricks` by F; None if it cannot be tested."""
    from scipy.special import fdtrc

    columns = [column for column, _ in _columns(fit, tricks)]
    if not fit.df or not columns:
        return None
    effects = fit.coefficients[columns]
    covariance = fit.inverse[np.ix_(columns, columns)]
    rank = int(np.linalg.matrix_rank(covariance, tol=1e-9))
    if not rank:
        return None
    variance = max(fit.variance, 1e-12)
    statistic = float(effects @ np.linalg.pinv(covariance) @ effects) / rank / variance
    return float(fdtrc(rank, fit.df, max(statistic, 0.0)))


def separated_p(fit: ScreenFit, tricks: tuple[str, str]) -> float | None:
    """Return `interaction_p` adjusted for the pairs of tricks that `tricks` were chosen from.

    Runs of its own are for the pair that the residuals of the runs before point to, and those are
    in the fit: without the adjustment a pair that adds up is called an interaction in 17 to 38 of
    100 screens (Bonferroni over all pairs holds whatever chose one).
    """
    p = interaction_p(fit, tricks)
    pairs = math.comb(len({trick for trick, _ in fit.options}), 2)
    return None if p is None else min(1.0, p * pairs)


def unequal_cells(fit: ScreenFit, baseline: Mapping[str, str]) -> Cells:
    """Return the combinations of each pair of tricks that is proved not to add up.

    Against the baseline's options of both. Not of tricks that are compared at rates of their own.
    """
    rated = {trick for pair in fit.crossed if RATE_TRICK in pair for trick in pair}
    found: dict[tuple[str, str], dict[tuple[str, str], tuple[float, float]]] = {}
    for tricks in fit.crossed:
        p = None if rated & set(tricks) else separated_p(fit, tricks)
        if p is None or p >= PROVED:
            continue
        one, two = ([baseline[t], *(o for n, o in fit.options if n == t)] for t in tricks)
        found[tricks] = {
            each: _gain(fit, set(zip(tricks, each, strict=True)))
            for each in itertools.product(one, two)
            if each != (baseline[tricks[0]], baseline[tricks[1]])
        }
    return found


def _gain(fit: ScreenFit, choices: set[Choice]) -> tuple[float, float]:
    """Return what `choices` gain together, and its standard error."""
    own = [float(option in choices) for option in fit.options]
    both = [float(set(pair) <= choices) for pair in fit.pairs]
    weights = np.zeros(len(fit.coefficients))
    weights[1 : 1 + len(own) + len(both)] = [*own, *both]
    variance = fit.variance * float(weights @ fit.inverse @ weights)
    return float(weights @ fit.coefficients), float(np.sqrt(max(variance, 0.0)))


def _columns(
    fit: ScreenFit, tricks: tuple[str, str]
) -> Iterator[tuple[int, tuple[Choice, Choice]]]:
    for column, pair in enumerate(fit.pairs, start=1 + len(fit.options)):
        if {pair[0][0], pair[1][0]} == set(tricks):
            yield column, pair


def _is_rate(pair: tuple[Choice, Choice]) -> bool:
    return RATE_TRICK in (pair[0][0], pair[1][0])
