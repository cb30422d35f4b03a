"""A model of few runs of many choices: what each does alone, and what every two do together.

Ridge regression with main effects and all two-factor terms, written as a Gaussian process with
an additive kernel (Duvenaud, Nickisch & Rasmussen 2011, "Additive Gaussian processes", section
2): with a hundred terms and thirty runs the kernel is the smaller matrix. How large main effects
and pairs are beside the noise is averaged over a grid by the evidence of the runs themselves.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

__all__ = ["Ridge", "fit_ridge", "search_best"]

Array = NDArray[np.float64]
NUMBER = 0
"""The size of a factor that is a number in [0, 1]; others have as many levels."""
LENGTH = 0.5
"""How far apart two numbers in [0, 1] still say something of one another."""
MAIN = np.geomspace(0.05, 20, 6)
PAIRS = (0.0, *np.geomspace(0.02, 5, 5).tolist())
"""Variances of a main effect and of a pair, in variances of the noise, that are averaged over."""


@dataclass(frozen=True)
class Ridge:
    """What runs say of recipes: methods take rows as `fit_ridge` does."""

    sizes: tuple[int, ...]
    rows: Array
    centre: float
    weights: Array  # (grid,), sums to 1: how probable each pair of variances is
    variances: Array  # (grid, 3): of the noise, a main effect and a pair, in squared units
    solved: Array  # (grid, runs): the inverse covariance times the centred values
    inverses: Array  # (grid, runs, runs)

    def predict(self, rows: ArrayLike) -> tuple[Array, Array]:
        """Return the mean and the standard deviation of what recipes bring, of each of `rows`."""
        main, pairs = _kernels(np.asarray(rows, float), self.rows, self.sizes)
        varied = sum(size != 1 for size in self.sizes)
        own = 1.0 + varied, varied * (varied - 1) / 2
        means, squares = [], []
        for (_, of_main, of_pair), solved, inverse in zip(
            self.variances, self.solved, self.inverses, strict=True
        ):
            covariance = of_main * main + of_pair * pairs
            means.append(covariance @ solved)
            known = np.einsum("ij,jk,ik->i", covariance, inverse, covariance)
            squares.append(np.maximum(of_main * own[0] + of_pair * own[1] - known, 0.0))
        mean = self.weights @ np.array(means)
        second = self.weights @ (np.array(squares) + np.array(means) ** 2)
        return self.centre + mean, np.sqrt(np.maximum(second - mean**2, 0.0))

    def improvement(self, rows: ArrayLike) -> Array:
        """Return by how much each of `rows` is expected to exceed the best recipe that was run.

        Expected improvement (Mockus, Tiesis & Zilinskas 1978) over the highest predicted mean of
        the runs, as their values themselves are flattered by luck.
        """
        from scipy.special import ndtr

        mean, deviation = self.predict(rows)
        ahead = mean - float(self.predict(self.rows)[0].max())
        z = ahead / np.maximum(deviation, 1e-12)
        density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
        return np.asarray(ahead * ndtr(z) + deviation * density)


def fit_ridge(rows: ArrayLike, values: ArrayLike, sizes: Sequence[int]) -> Ridge:
    """Return the model of runs: `rows` (runs, factors) brought `values` (runs,).

    `sizes` are the levels of each factor: a row has the index of a level there, or a number in
    [0, 1] where the size is 0.

    >>> rows = [[0, 0], [0, 1], [1, 0], [1, 1]] * 3
    >>> model = fit_ridge(rows, [90.0, 90.5, 91.0, 91.4] * 3, sizes=[2, 2])
    >>> mean, deviation = model.predict([[0, 0], [1, 1]])
    >>> mean.round(1).tolist()
    [90.0, 91.4]
    """
    points, found = np.asarray(rows, float), np.asarray(values, float)
    centre = float(found.mean())
    left = found - centre
    main, pairs = _kernels(points, points, sizes)
    logs, variances, solved, inverses = [], [], [], []
    least = max(1e-12, 1e-8 * float(left @ left) / len(left))
    for of_main in MAIN:
        for of_pair in PAIRS:
            if of_pair > of_main:
                continue  # pairs larger than what they are made of are not believed
            covariance = np.eye(len(left)) + of_main * main + of_pair * pairs
            inverse = np.linalg.inv(covariance)
            own = inverse @ left
            noise = max(float(left @ own) / len(left), least)
            logs.append(-0.5 * (np.linalg.slogdet(covariance)[1] + len(left) * np.log(noise)))
            variances.append((noise, noise * of_main, noise * of_pair))
            solved.append(own / noise)
            inverses.append(inverse / noise)
    weights = np.exp(np.array(logs) - max(logs))
    kept = weights > 1e-3  # the rest would cost time and change nothing
    weights = weights[kept] / weights[kept].sum()
    return Ridge(
        tuple(sizes),
        points,
        centre,
        weights,
        np.array(variances)[kept],
        np.array(solved)[kept],
        np.array(inverses)[kept],
    )


def search_best(
    score: Callable[[Array], Array],
    sizes: Sequence[int],
    rng: np.random.Generator,
    *,
    allowed: Callable[[Array], NDArray[np.bool_]] | None = None,
    starts: Sequence[Sequence[float]] = (),
    candidates: int = 500,
) -> Array:
    """Return the row with the highest `score` that is found by random rows and their neighbours.

    `score` and `allowed` take rows (n, factors) and return (n,). `starts` are tried as well.

    >>> rng = np.random.default_rng(0)
    >>> search_best(lambda rows: -abs(rows - [1, 2]).sum(1), [2, 4], rng).tolist()
    [1.0, 2.0]
    """
    rows = np.vstack([*_rows(starts, sizes), _random(sizes, candidates, rng)])
    rows = rows[allowed(rows)] if allowed else rows
    if not len(rows):
        raise ValueError("no row is allowed")
    while True:
        best = rows[int(np.argmax(score(rows)))]
        around = _neighbours(best, sizes, rng)
        around = around[allowed(around)] if allowed else around
        rows = np.vstack([best[None], around])
        if int(np.argmax(score(rows))) == 0:
            return np.asarray(best)


def _rows(starts: Sequence[Sequence[float]], sizes: Sequence[int]) -> list[Array]:
    return [np.asarray(starts, float).reshape(-1, len(sizes))] if len(starts) else []


def _random(sizes: Sequence[int], count: int, rng: np.random.Generator) -> Array:
    columns = [rng.random(count) if n == NUMBER else rng.integers(n, size=count) for n in sizes]
    return np.column_stack(columns).astype(float)


def _neighbours(row: Array, sizes: Sequence[int], rng: np.random.Generator) -> Array:
    """Return the rows that differ from `row` in one factor; of numbers near and far ones."""
    found = []
    for factor, size in enumerate(sizes):
        if size == NUMBER:
            near = row[factor] + rng.normal(size=4) * [0.02, 0.05, 0.1, 0.3]
            others = np.clip(near, 0, 1).tolist()
        else:
            others = [float(level) for level in range(size) if level != row[factor]]
        for value in others:
            changed = row.copy()
            changed[factor] = value
            found.append(changed)
    return np.array(found)


def _kernels(one: Array, other: Array, sizes: Sequence[int]) -> tuple[Array, Array]:
    """Return how alike recipes are factor by factor, and pair by pair: (rows, rows) each.

    A factor counts 1 where both have the same level; levels of a factor sum to no effect. The
    level of all runs is one more main effect.
    """
    total = np.ones((len(one), len(other)))
    squares = np.zeros_like(total)
    singles = np.zeros_like(total)
    for factor, size in enumerate(sizes):
        a, b = one[:, factor, None], other[None, :, factor]
        if size == NUMBER:
            alike = np.exp(-0.5 * ((a - b) / LENGTH) ** 2)
        elif size > 1:
            alike = ((a == b) - 1 / size) * size / (size - 1)
        else:
            continue
        singles += alike
        squares += alike**2
    return total + singles, (singles**2 - squares) / 2
