"""A design as numbers: rows of levels, and the columns of its main effects."""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

__all__ = ["Levels", "baseline_contrasts", "coded", "columns_of", "contrast_code"]

Array = NDArray[np.float64]
Levels = NDArray[np.int_]
"""Rows of a design: (runs, factors), the index of each factor's level, the baseline's 0."""


def contrast_code(levels: int) -> Array:
    """Return orthogonal contrasts (levels, levels - 1) of mean 0 and mean square 1.

    In a design where every level is as frequent, each column has the length that an intercept
    has, so that the determinant of all of them compares designs of any levels.

    >>> contrast_code(2).tolist()
    [[-1.0], [1.0]]
    """
    helmert = np.zeros((levels, levels - 1))
    for column in range(levels - 1):
        helmert[: column + 1, column] = -1.0
        helmert[column + 1, column] = column + 1.0
    return np.asarray(helmert * np.sqrt(levels / (helmert**2).sum(0)))


def columns_of(sizes: Sequence[int]) -> list[slice]:
    """Return where the columns of each factor of `sizes` levels are, the intercept's before them.

    >>> columns_of([2, 3])
    [slice(1, 2, None), slice(2, 4, None)]
    """
    ends = np.cumsum([1, *(size - 1 for size in sizes)]).tolist()
    return [slice(a, b) for a, b in itertools.pairwise(ends)]


def coded(rows: Levels, sizes: Sequence[int]) -> Array:
    """Return the intercept and the contrasts of every factor: (runs, parameters)."""
    parts = [np.ones((len(rows), 1))]
    parts += [contrast_code(size)[rows[:, index]] for index, size in enumerate(sizes)]
    return np.hstack(parts)


def baseline_contrasts(sizes: Sequence[int]) -> Array:
    """Return, for every level but each factor's first, the weights that its effect has.

    (effects, parameters), factor by factor: the effect of a level is the coded model's
    prediction there minus that at the factor's first level.
    """
    width = 1 + sum(size - 1 for size in sizes)
    found = np.zeros((width - 1, width))
    for place, size in zip(columns_of(sizes), sizes, strict=True):
        code = contrast_code(size)
        found[place.start - 1 : place.stop - 1, place] = code[1:] - code[0]
    return found
