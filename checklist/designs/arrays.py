"""Published orthogonal arrays: the exact designs, where one has as many runs as are wanted."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from darkmagic.checklist.designs.coding import Levels

__all__ = ["ARRAY_RUNS", "columns_in", "orthogonal_rows"]

ARRAY_RUNS = frozenset({4, 8, 9, 12, 16, 18, 25, 27, 32, 36, 50, 54, 64, 81})
"""Runs of the arrays that pydoe has; it takes seconds to import, so that others are not asked."""


def orthogonal_rows(sizes: Sequence[int], runs: int) -> Levels | None:
    """Return an orthogonal array of `runs` rows for factors of `sizes` levels; None without one.

    Its first row has every factor's first level. pydoe's names do not always tell what its arrays
    are: `L36(3^23)` is the mixed 2^11 x 3^12 array. So it is the columns that are looked at.

    >>> orthogonal_rows([2, 2, 2], 4).tolist()
    [[0, 0, 0], [0, 1, 1], [1, 0, 1], [1, 1, 0]]
    """
    if runs not in ARRAY_RUNS:
        return None
    from pydoe import get_orthogonal_array, list_orthogonal_arrays

    for name in list_orthogonal_arrays():
        array = np.asarray(get_orthogonal_array(name)).astype(int)
        if len(array) == runs:
            columns = columns_in(array, sizes)
            if columns is not None:
                rows = array[:, columns]
                return np.asarray((rows - rows[0]) % np.array(sizes))
    return None


def columns_in(array: Levels, sizes: Sequence[int]) -> list[int] | None:
    """Return the columns of `array` that have as many levels as each factor; None if too few.

    >>> columns_in(np.array([[0, 0, 0], [1, 1, 1], [0, 2, 1]]), [2, 2, 3])
    [0, 2, 1]
    """
    left: dict[int, list[int]] = {}
    for column, levels in enumerate(array.max(0) + 1):
        left.setdefault(int(levels), []).append(column)
    try:
        return [left[size].pop(0) for size in sizes]
    except (KeyError, IndexError):
        return None
