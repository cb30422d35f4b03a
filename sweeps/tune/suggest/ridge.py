"""Ridge regression over a study's trials: the next is where the model expects most improvement.

The model has each parameter and every two of them (`checklist/tuning/ridge.py`). Trials that run
are taken to bring what it predicts of them, so that those side by side differ.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from darkmagic.checklist.tuning.ridge import NUMBER, fit_ridge
from darkmagic.sweeps.compose.checks.ranges import Range
from darkmagic.sweeps.tune.space.parameters import parameters_of, recipe_of
from darkmagic.sweeps.tune.space.recipe import TunedRecipe
from darkmagic.sweeps.tune.space.space import Space

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

__all__ = ["predict_by_ridge", "propose_by_ridge"]

CANDIDATES = 600
KEPT = 0.8
"""Share of a good recipe's parameters that a candidate near it keeps."""
NEAR = 0.1
"""Of its range, the standard deviation by which a number that is kept moves."""
UNUSED = 0.5
"""The place of a number whose option a recipe has not: the same for all of them."""


def propose_by_ridge(
    space: Space,
    ended: Sequence[FrozenTrial],
    running: Sequence[FrozenTrial],
    direction: Literal["maximize", "minimize"],
    seed: int,
) -> Mapping[str, Any]:
    """Return the parameters whose expected improvement is highest by the trials that `ended`.

    Those that are `running` are not proposed again.
    """
    sign = 1 if direction == "maximize" else -1
    rng = np.random.default_rng(seed)
    known = [(recipe, trial) for trial in ended if (recipe := recipe_of(space, trial)) is not None]
    values = [sign * trial.values[0] for _, trial in known]
    rows = [_row(space, recipe) for recipe, _ in known]
    model = fit_ridge(rows, values, _sizes(space))
    busy_rows = [
        _row(space, recipe) for t in running if (recipe := recipe_of(space, t)) is not None
    ]
    if busy_rows:
        believed = model.predict(busy_rows)[0].tolist()
        model = fit_ridge([*rows, *busy_rows], [*values, *believed], _sizes(space))
    best = sorted(zip(model.predict(rows)[0].tolist(), rows, known, strict=True), key=_by_mean)
    good = [recipe for _, _, (recipe, _) in best[-5:]]
    candidates = [_random(space, rng) for _ in range(CANDIDATES // 2)]
    candidates += [
        _near(space, good[index % len(good)], rng) for index in range(CANDIDATES - len(candidates))
    ]
    busy = [trial.params for trial in (*ended, *running)]
    found = [parameters_of(space, candidate) for candidate in candidates]
    fresh = [params for params in found if params is not None and params not in busy]
    if not fresh:
        return found[0] or {}
    kept = [c for c, p in zip(candidates, found, strict=True) if p is not None and p not in busy]
    gains = model.improvement([_row(space, candidate) for candidate in kept])
    return fresh[int(np.argmax(gains))]


def predict_by_ridge(
    space: Space, seen: Sequence[tuple[TunedRecipe, float]], recipes: Sequence[TunedRecipe]
) -> list[float]:
    """Return what the model of the recipes that were `seen`, each run with its value, expects of
    each of `recipes`.
    """
    if not recipes:
        return []
    rows = [_row(space, recipe) for recipe, _ in seen]
    model = fit_ridge(rows, [value for _, value in seen], _sizes(space))
    means: list[float] = model.predict([_row(space, recipe) for recipe in recipes])[0].tolist()
    return means


def _by_mean(each: tuple[float, Any, Any]) -> float:
    return each[0]


def _sizes(space: Space) -> list[int]:
    """Return the size of each factor of a row: a trick's options, then a number a field."""
    sizes = []
    for levels in space.levels.values():
        sizes.append(len(levels))
        sizes += [NUMBER for level in levels for _ in level.ranges]
    return sizes


def _row(space: Space, recipe: TunedRecipe) -> list[float]:
    row: list[float] = []
    for trick, levels in space.levels.items():
        options = [level.option for level in levels]
        chosen = recipe.choices[trick]
        row.append(float(options.index(chosen)) if chosen in options else 0.0)
        for level in levels:
            for name, span in level.ranges.items():
                own = recipe.numbers[trick, name] if level.option == chosen else None
                row.append(UNUSED if own is None else _place(own, span))
    return row


def _place(value: float, span: Range) -> float:
    """Return where a number is in its range, in [0, 1]."""
    low, high, at = (math.log(v) if span.log else v for v in (span.low, span.high, value))
    return (at - low) / (high - low)


def _number(place: float, span: Range) -> float:
    """Return the number at a place of its range, on its steps."""
    low, high = (math.log(v) if span.log else v for v in (span.low, span.high))
    value = low + min(max(place, 0.0), 1.0) * (high - low)
    value = math.exp(value) if span.log else value
    if span.step is not None:
        value = span.low + round((value - span.low) / span.step) * span.step
    return span.fit(value)


def _random(space: Space, rng: np.random.Generator) -> TunedRecipe:
    return space.draw(
        lambda _, names: names[int(rng.integers(len(names)))],
        lambda _, span: _number(float(rng.random()), span),
    )


def _near(space: Space, good: TunedRecipe, rng: np.random.Generator) -> TunedRecipe:
    """Return a recipe that has most of what `good` has, with its numbers moved a little."""

    def category(name: str, names: Sequence[str]) -> str:
        own = good.choices[name.partition(" (")[0]]
        if own in names and rng.random() < KEPT:
            return own
        return names[int(rng.integers(len(names)))]

    def number(name: str, span: Range) -> float:
        own = good.numbers.get((name.partition("=")[0], name.rpartition(" ")[2]))
        if own is None or not span.low <= own <= span.high or rng.random() > KEPT:
            return _number(float(rng.random()), span)
        return _number(_place(own, span) + float(rng.normal()) * NEAR, span)

    return space.draw(category, number)
