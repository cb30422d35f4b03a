"""How much a design tells: its D-efficiency, and the variance of each option's effect."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from darkmagic.checklist.designs.coding import Array, Levels, baseline_contrasts, coded
from darkmagic.checklist.designs.exchange import log_determinant

__all__ = ["d_efficiency", "effect_variances", "times_smaller"]


def d_efficiency(rows: Levels, sizes: Sequence[int]) -> float:
    """Return the D-efficiency in [0, 1]: 1 for an orthogonal array, 0 for a singular design.

    >>> d_efficiency(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), [2, 2])
    1.0
    """
    parameters = 1 + sum(size - 1 for size in sizes)
    return float(np.exp(log_determinant(rows, sizes) / parameters) / len(rows))


def effect_variances(rows: Levels, sizes: Sequence[int]) -> Array:
    """Return the variance of every option's effect against its baseline option, of runs that
    spread by 1: factor by factor, each but the first level. Infinite where it cannot be told.
    """
    x = coded(rows, sizes)
    weights = baseline_contrasts(sizes)
    information = x.T @ x
    inverse = np.linalg.pinv(information, rcond=1e-9, hermitian=True)
    known = np.abs(weights @ inverse @ information - weights).max(1) < 1e-6
    variances = np.einsum("ij,jk,ik->i", weights, inverse, weights)
    return np.where(known, variances, np.inf)


def times_smaller(rows: Levels, sizes: Sequence[int]) -> dict[int, float]:
    """Return how many times smaller the variance is than one at a time, by a factor's levels.

    At equal runs: one at a time shares them evenly between the baseline and each option.

    >>> times_smaller(np.array([[0, 0], [0, 1], [1, 0], [1, 1]]), [2, 2])
    {2: 1.5}
    """
    variances = effect_variances(rows, sizes)
    alone = 2 * (1 + len(variances)) / len(rows)
    levels = np.repeat(sizes, [size - 1 for size in sizes])
    return {
        size: round(float(alone / variances[levels == size].mean()), 9)
        for size in sorted(set(levels.tolist()))
    }
