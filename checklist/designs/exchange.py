"""A D-optimal design by coordinate exchange (Meyer & Nachtsheim 1995).

Each place of each row takes the level with which the determinant of the information grows most,
until none grows it; the best of several random starts is returned. Rows that are trained already
stay as they are, levels that exclude each other are never combined, and no row comes twice: a
trial of the same choices and seed is the same trial.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Collection, Iterator, Sequence

import numpy as np

from darkmagic.checklist.designs.coding import Array, Levels, coded, columns_of, contrast_code

__all__ = ["Pair", "allowed", "exchange", "log_determinant"]

Pair = tuple[tuple[int, int], tuple[int, int]]
"""Two levels that exclude each other, each as factor and level."""
RIDGE = 1e-6
"""Added to the information of each parameter, so that a start may lack some."""
MIN_GAIN = 1e-9
PASSES = 30
MANY = 20
"""Times the rows: where there are fewer combinations, all are listed, so that none is missed."""
TRIES = 1000
Excluded = dict[tuple[int, int], list[tuple[int, int]]]


def log_determinant(rows: Levels, sizes: Sequence[int]) -> float:
    """Return the logarithm of the determinant of the information; -inf for a singular one."""
    x = coded(rows, sizes)
    if len(x) < x.shape[1]:
        return float("-inf")
    sign, value = np.linalg.slogdet(x.T @ x)
    return float(value) if sign > 0 and value > np.log(1e-9) else float("-inf")


def allowed(rows: Levels, apart: Collection[Pair]) -> bool:
    """Whether no row has two levels that exclude each other.

    >>> allowed(np.array([[0, 1], [1, 0]]), [((0, 1), (1, 1))])
    True
    """
    return not any(((rows[:, f] == a) & (rows[:, g] == b)).any() for (f, a), (g, b) in apart)


def exchange(
    sizes: Sequence[int],
    fixed: Levels,
    more: int,
    *,
    apart: Collection[Pair] = (),
    starts: int = 10,
    seed: int = 0,
) -> Levels:
    """Return `fixed` and up to `more` rows that fit them best; fewer where there are no others.

    `fixed` (runs, factors) come first and as they are. The same arguments give the same rows.
    """
    rng = np.random.default_rng(seed)
    excluded = _excluded(apart)
    best, highest = fixed, float("-inf")
    for start in range(starts if more > 0 else 0):
        rows = np.vstack([fixed, _random_rows(sizes, fixed, more, excluded, rng)]).astype(int)
        rows = _improve(rows, len(fixed), sizes, excluded)
        value = log_determinant(rows, sizes)
        if start == 0 or value > highest:
            best, highest = rows, value
    return best


def _excluded(apart: Collection[Pair]) -> Excluded:
    found: Excluded = {}
    for one, other in apart:
        found.setdefault(one, []).append(other)
        found.setdefault(other, []).append(one)
    return found


def _random_rows(
    sizes: Sequence[int], fixed: Levels, more: int, excluded: Excluded, rng: np.random.Generator
) -> Levels:
    """Draw `more` rows that are allowed, none of them twice or among `fixed`."""
    taken = {tuple(row) for row in fixed.tolist()}
    found: list[tuple[int, ...]] = []
    for row in _candidates(sizes, more + len(fixed), rng):
        if len(found) == more:
            break
        if row not in taken and not any(
            row[factor] == level
            for own in enumerate(row)
            for factor, level in excluded.get(own, ())
        ):
            taken.add(row)
            found.append(row)
    return np.array(found, dtype=int).reshape(-1, len(sizes))


def _candidates(
    sizes: Sequence[int], rows: int, rng: np.random.Generator
) -> Iterator[tuple[int, ...]]:
    """Yield rows in random order: all there are where they are few, else as many as are needed."""
    if math.prod(sizes) <= MANY * rows:
        every = list(itertools.product(*map(range, sizes)))
        yield from (every[index] for index in rng.permutation(len(every)))
        return
    for _ in range(TRIES * rows):
        yield tuple(rng.integers(sizes).tolist())


def _improve(rows: Levels, first: int, sizes: Sequence[int], excluded: Excluded) -> Levels:
    """Exchange the levels of the rows from `first` on until the determinant grows no more."""
    x = coded(rows, sizes)
    codes, places = [contrast_code(size) for size in sizes], columns_of(sizes)
    taken = {tuple(row) for row in rows.tolist()}
    for _ in range(PASSES):
        # Anew in each pass, as rounding errors of the updates add up.
        inverse: Array = np.linalg.inv(x.T @ x + RIDGE * np.eye(x.shape[1])).astype(float)
        improved = False
        for index in range(first, len(rows)):
            for factor, place in enumerate(places):
                candidates = np.repeat(x[index][None], sizes[factor], axis=0)
                candidates[:, place] = codes[factor]
                gains = _gains(inverse, x[index], candidates)
                before = tuple(rows[index].tolist())
                for level in np.argsort(-gains).tolist():
                    after = (*before[:factor], level, *before[factor + 1 :])
                    if gains[level] < 1 + MIN_GAIN or after == before:
                        break
                    barred = excluded.get((factor, level), ())
                    if after in taken or any(after[f] == v for f, v in barred):
                        continue
                    inverse = _updated(inverse, x[index], candidates[level])
                    rows[index, factor], x[index], improved = level, candidates[level], True
                    taken.remove(before)
                    taken.add(after)
                    break
        if not improved:
            break
    return rows


def _gains(inverse: Array, old: Array, candidates: Array) -> Array:
    """Return by how much the determinant grows where each of `candidates` replaces `old`."""
    left = inverse @ old
    own = float(old @ left)
    across = candidates @ left
    theirs = np.einsum("ij,ij->i", candidates @ inverse, candidates)
    return np.asarray((1 + theirs) * (1 - own) + across**2)


def _updated(inverse: Array, old: Array, new: Array) -> Array:
    """Return the inverse after `new` replaces `old` (Sherman & Morrison, twice)."""
    added = inverse @ new
    inverse = inverse - np.outer(added, added) / (1 + new @ added)
    removed = inverse @ old
    return np.asarray(inverse + np.outer(removed, removed) / (1 - old @ removed))
