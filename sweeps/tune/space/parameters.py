"""Parameters of a recipe as Optuna has them: names, values and distributions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from darkmagic.sweeps.compose.checks.ranges import Range
from darkmagic.sweeps.tune.space.recipe import TunedRecipe
from darkmagic.sweeps.tune.space.space import Space

if TYPE_CHECKING:
    from optuna import Trial
    from optuna.distributions import BaseDistribution
    from optuna.trial import FrozenTrial

__all__ = ["distributions_of", "draw_from", "parameters_of", "recipe_of"]


def distribution_of(span: Any) -> BaseDistribution:
    """Return Optuna's distribution of a range, or of names."""
    from optuna import distributions

    if not isinstance(span, Range):
        return distributions.CategoricalDistribution(tuple(span))
    if span.whole:
        step = int(span.step or 1)
        return distributions.IntDistribution(
            int(span.low), int(span.high), log=span.log, step=1 if span.log else step
        )
    return distributions.FloatDistribution(span.low, span.high, log=span.log, step=span.step)


def draw_from(space: Space, trial: Trial) -> TunedRecipe:
    """Return the recipe that `trial` suggests."""

    def suggest(name: str, span: Any) -> Any:
        return trial._suggest(name, distribution_of(span))  # noqa: SLF001 (of any distribution)

    return space.draw(suggest, suggest)


def recipe_of(space: Space, trial: FrozenTrial) -> TunedRecipe | None:
    """Return the recipe of a trial; None where not all of it was drawn."""

    def drawn(name: str, _: Any) -> Any:
        return trial.params[name]

    try:
        return space.draw(drawn, drawn)
    except (KeyError, ValueError):
        return None


def parameters_of(space: Space, recipe: TunedRecipe) -> dict[str, Any] | None:
    """Return the parameters of `recipe`; None where the space has no such recipe."""
    params: dict[str, Any] = {}

    def category(name: str, names: Sequence[str]) -> str:
        chosen = recipe.choices[name.partition(" (")[0]]
        if chosen not in names:
            raise ValueError(chosen)
        params[name] = chosen
        return chosen

    def number(name: str, _: Any) -> float:
        value = recipe.numbers[name.partition("=")[0], name.rpartition(" ")[2]]
        params[name] = value
        return value

    try:
        drawn = space.draw(category, number)
    except (KeyError, ValueError):
        return None
    return params if drawn.choices == recipe.choices else None


def distributions_of(space: Space, recipe: TunedRecipe) -> dict[str, BaseDistribution]:
    """Return the distribution of every parameter of `recipe`."""
    found: dict[str, BaseDistribution] = {}

    def category(name: str, names: Sequence[str]) -> str:
        found[name] = distribution_of(names)
        return recipe.choices[name.partition(" (")[0]]

    def number(name: str, span: Range) -> float:
        found[name] = distribution_of(span)
        return recipe.numbers[name.partition("=")[0], name.rpartition(" ")[2]]

    space.draw(category, number)
    return found
