"""What a screen's main effects may hide: pairs of tricks that do not simply add up."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from darkmagic.checklist.designs.findings import MIN_CHECKING_DF, SUSPICIOUS
from darkmagic.checklist.designs.fit import Choice, ScreenFit

__all__ = ["Alias", "Suspect", "aliases", "suspected_pair"]

Array = NDArray[np.float64]
MIN_ALIAS = 0.05


@dataclass(frozen=True)
class Alias:
    """`share` of what the options of `pair` do beyond their sum is added to the effect of
    `option`, of all pairs the most.
    """

    option: Choice
    pair: tuple[Choice, Choice]
    share: float


@dataclass(frozen=True)
class Suspect:
    """The pair of tricks that explains most of what is left over; `p_value` is adjusted for the
    number of pairs that could be `tried`. `df` are the degrees of freedom that it leaves.
    """

    tricks: tuple[str, str]
    p_value: float
    tried: int
    df: int

    @property
    def told(self) -> bool:
        """Whether enough degrees of freedom are left to say anything of it."""
        return self.df >= MIN_CHECKING_DF

    @property
    def stands_out(self) -> bool:
        """Whether it explains more of the residuals than luck would."""
        return self.told and self.p_value < SUSPICIOUS


def aliases(fit: ScreenFit) -> list[Alias]:
    """Return for every option that can be told apart the pair that it is most aliased with."""
    pairs = list(_pairs(fit))
    if not pairs:
        return []
    products = np.column_stack([product for _, product in pairs])
    shares = fit.inverse @ (fit.x.T @ products)
    found = []
    for index, option in enumerate(fit.options):
        if not fit.estimable[index]:
            continue
        apart = np.array([option[0] not in (a[0], b[0]) for (a, b), _ in pairs])
        own = np.where(apart, np.abs(shares[index + 1]), 0.0)
        most = int(np.argmax(own))
        if own[most] >= MIN_ALIAS:
            found.append(Alias(option, pairs[most][0], float(shares[index + 1, most])))
    return found


def suspected_pair(fit: ScreenFit) -> Suspect | None:
    """Return the pair of tricks whose interaction fits the residuals best; None if none can be
    tried. Each pair is tested by F against the main effects alone, and adjusted by Bonferroni.
    """
    from scipy.special import fdtrc

    left = float(fit.residuals @ fit.residuals)
    if fit.df < 2 or left < len(fit.runs) * fit.precision**2:
        return None
    by_tricks: dict[tuple[str, str], list[Array]] = {}
    for (one, other), product in _pairs(fit):
        by_tricks.setdefault((one[0], other[0]), []).append(product)
    found = []
    for tricks, products in by_tricks.items():
        added = np.column_stack(products)
        added = added - fit.x @ (fit.inverse @ (fit.x.T @ added))
        rank = int(np.linalg.matrix_rank(added, tol=1e-6))
        if not rank or rank >= fit.df:
            continue
        weights, *_ = np.linalg.lstsq(added, fit.residuals, rcond=1e-9)
        after = fit.residuals - added @ weights
        explained = left - float(after @ after)
        rest = max(left - explained, fit.precision**2)
        statistic = max(explained, 0.0) / rank / (rest / (fit.df - rank))
        found.append((float(fdtrc(rank, fit.df - rank, statistic)), tricks, fit.df - rank))
    if not found:
        return None
    p, tricks, df = min(found)
    return Suspect(tricks, min(1.0, p * len(found)), len(found), df)


def _pairs(fit: ScreenFit) -> Iterator[tuple[tuple[Choice, Choice], Array]]:
    """Yield pairs of options of two tricks, with what they do together beyond their sum.

    Each is centred as in a table of all combinations, where the pair then adds to no main effect.
    """
    levels: dict[str, int] = {}
    for trick, _ in fit.options:
        levels[trick] = levels.get(trick, 1) + 1
    centred = {
        option: fit.x[:, 1 + index] - 1 / levels[option[0]]
        for index, option in enumerate(fit.options)
    }
    for one, other in itertools.combinations(fit.options, 2):
        if one[0] != other[0]:
            yield (one, other), centred[one] * centred[other]
