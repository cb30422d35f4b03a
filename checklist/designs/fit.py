"""The main effects of a screen: accuracy = baseline + options + seed + noise, by least squares."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from darkmagic.checklist.stats.effects import Covariance, Effect, Effects
from darkmagic.checklist.stats.rounding import precision, rounding_step, rounding_variance

__all__ = [
    "Mixed",
    "ScreenFit",
    "detectable_in_errors",
    "estimate_screen",
    "fit_screen",
    "log_ratios",
]

Array = NDArray[np.float64]
Choice = tuple[str, str]
POWER = 0.8


@dataclass(frozen=True)
class Mixed:
    """A finished run of a screen: `accuracy` is in percent, `choices` map tricks to options."""

    name: str
    choices: Mapping[str, str]
    seed: int
    accuracy: float


@dataclass(frozen=True)
class ScreenFit:
    """Least squares over `runs`. The columns of `x` are the baseline's level, the `options`
    (1 where a run has it), the `pairs` (1 where it has both) of the tricks that are `crossed`,
    and all seeds but the first; `inverse` is that of x'x, `estimable` says which options
    can be told from the others.
    """

    runs: tuple[Mixed, ...]
    options: tuple[Choice, ...]
    x: Array
    inverse: Array
    coefficients: Array
    residuals: Array
    estimable: tuple[bool, ...]
    df: int
    crossed: tuple[tuple[str, str], ...] = ()
    pairs: tuple[tuple[Choice, Choice], ...] = ()

    @property
    def precision(self) -> float:
        """The difference that is a rounding error of double precision."""
        return precision(run.accuracy for run in self.runs)

    @property
    def variance(self) -> float:
        """Residual variance in squared points; NaN without degrees of freedom."""
        return float(self.residuals @ self.residuals) / self.df if self.df else float("nan")


def fit_screen(
    runs: Sequence[Mixed], options: Sequence[Choice], crossed: Sequence[tuple[str, str]] = ()
) -> ScreenFit:
    """Fit the effects of `options`, none of which is a baseline's, and of the seeds.

    Options of two tricks that are `crossed` have one more with each of the other's options.
    """
    pairs = tuple(
        (one, other)
        for first, second in crossed
        for one in options
        for other in options
        if (one[0], other[0]) == (first, second)
    )
    seeds = sorted({run.seed for run in runs})[1:]
    columns: list[Any] = [
        np.ones(len(runs)),
        *([float(run.choices.get(t) == o) for run in runs] for t, o in options),
        *([float({a, b} <= set(run.choices.items())) for run in runs] for a, b in pairs),
        *([float(run.seed == seed) for run in runs] for seed in seeds),
    ]
    x = np.column_stack(columns).astype(float)
    y = np.array([run.accuracy for run in runs])
    information = x.T @ x
    inverse = np.linalg.pinv(information, rcond=1e-10, hermitian=True)
    projection = inverse @ information
    known = np.abs(projection - np.eye(len(projection))).max(1) < 1e-6
    centre = y.mean()
    coefficients = inverse @ (x.T @ (y - centre))
    return ScreenFit(
        runs=tuple(runs),
        options=tuple(options),
        x=x,
        inverse=inverse,
        coefficients=coefficients,
        residuals=y - centre - x @ coefficients,
        estimable=tuple(known[1 : 1 + len(options)].tolist()),
        df=len(runs) - round(float(np.trace(projection))),
        crossed=tuple(crossed),
        pairs=pairs,
    )


def estimate_screen(
    runs: Sequence[Mixed],
    options: Sequence[Choice],
    resolution: float | None = None,
    weights_of: Callable[[ScreenFit], Array] | None = None,
    crossed: Sequence[tuple[str, str]] = (),
) -> Effects:
    """Return the effects of `options`, of which the first is trial 1, as averages over the others.

    `weights_of` gives the weights (options, columns) of a fit's coefficients in each effect; each
    is its option's own if None. `resolution` is the step of an accuracy in points, as in
    `estimate_effects`. An option that cannot be told from others is left out.

    >>> mixed = [("off", "off", 90.0), ("on", "off", 91.0), ("off", "on", 90.5), ("on", "on", 91.6)]
    >>> runs = [Mixed("", {"mixup": m, "ema": e}, 0, value) for m, e, value in mixed]
    >>> effects = estimate_screen(runs, [("mixup", "on"), ("ema", "on")])
    >>> [round(effect.difference, 2) for effect in effects.by_trial.values()], effects.df
    ([1.05, 0.55], 1)
    """
    if not runs:
        return Effects({}, None, 0, None, blocked=False, prior_df=float("inf"))
    fit = fit_screen(runs, options, crossed)
    weights = np.eye(len(options), len(fit.coefficients), 1)
    if weights_of is not None:
        weights = weights_of(fit)
    lost = np.abs(weights @ fit.inverse @ (fit.x.T @ fit.x) - weights).max(1) >= 1e-6
    trials = tuple(index + 1 for index in np.flatnonzero(~lost).tolist())
    weights = weights[~lost]
    blocked = len({run.seed for run in runs}) > 1
    found = (weights @ fit.coefficients).tolist()
    differences = {trial: _tidy(d, fit.precision) for trial, d in zip(trials, found, strict=True)}
    if not fit.df or not trials:
        alone = {trial: Effect(difference) for trial, difference in differences.items()}
        return Effects(alone, None, 0, None, blocked=blocked, prior_df=float("inf"))
    if resolution is None:
        resolution = rounding_step(run.accuracy for run in runs)
    least = max(rounding_variance(resolution), fit.precision**2)
    variance = max(fit.variance, least)
    covariance = variance * weights @ fit.inverse @ weights.T
    errors = np.sqrt(np.diag(covariance)).tolist()
    return Effects(
        by_trial={
            trial: Effect(differences[trial], error, float(fit.df))
            for trial, error in zip(trials, errors, strict=True)
        },
        spread=math.sqrt(variance),
        df=fit.df,
        seed_correlation=None,
        blocked=blocked,
        prior_df=float("inf"),
        trials=trials,
        joint=Covariance(np.zeros(len(trials)), covariance, np.arange(len(trials))),
    )


def log_ratios(
    costs: Sequence[tuple[Mapping[str, str], int, float]], options: Sequence[Choice]
) -> list[float | None]:
    """Return by how much each of `options` multiplies a cost, None where it cannot be told.

    `costs` have the choices, the seed and the cost of each run. Empty without runs.
    """
    if not costs:
        return []
    runs = [Mixed("", choices, seed, math.log(cost)) for choices, seed, cost in costs]
    fit = fit_screen(runs, options)
    return [
        math.exp(float(fit.coefficients[index])) if known else None
        for index, known in enumerate(fit.estimable, start=1)
    ]


def detectable_in_errors(df: float, p: float) -> float:
    """Return the effect, in standard errors, that a t test at `p` finds four times in five.

    >>> round(detectable_in_errors(1000, 0.05), 2)
    2.8
    """
    from scipy.optimize import brentq
    from scipy.special import nctdtr, stdtrit

    limit = -float(stdtrit(df, p / 2))
    return float(brentq(lambda shift: 1 - POWER - nctdtr(df, shift, limit), 0.0, 4 * limit + 4))


def _tidy(difference: float, smallest: float) -> float:
    """Let rounding errors of least squares be no difference."""
    return difference if abs(difference) > smallest else 0.0
