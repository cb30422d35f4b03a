"""The space that is tuned: options of tricks as categories, and the numbers that they declare.

A trick's options that differ in searched numbers alone are one category: `weight_decay=higher` is
`weight_decay=generic` with another value. Which numbers there are depends on the options that are
drawn, and so does which options there are: what excludes an option that was drawn is not offered.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from darkmagic.checklist.designs.factors import Choice
from darkmagic.checklist.recipes.tuned import TunedOption
from darkmagic.sweeps.compose.checks.ranges import Range
from darkmagic.sweeps.tune.space.recipe import TARGET, Level, TunedRecipe

__all__ = ["BASELINE_RECIPE", "Space"]

BASELINE_RECIPE = "the baseline"
"""What the recipe without a change is called."""

TYPED = 8
"""Characters of a number that someone may have typed, such as 0.000125."""
Draw = Callable[[str, Any], Any]
"""From the name of a parameter, and the names or the range that it has, to a value."""


@dataclass(frozen=True)
class Space:
    """What is tuned: the levels of each trick, the baseline's first where it is among them.

    `held` are the options of all other tricks; `apart` are pairs of options that exclude each
    other.
    """

    levels: Mapping[str, tuple[Level, ...]]
    held: Mapping[str, str]
    baseline: Mapping[str, str]
    apart: Collection[tuple[Choice, Choice]] = ()

    @property
    def parameters(self) -> list[str]:
        """The names of all parameters that can be drawn, but for those of fewer options."""
        several = [trick for trick, levels in self.levels.items() if len(levels) > 1]
        numbers = [
            _name(trick, level.option, name)
            for trick, levels in self.levels.items()
            for level in levels
            for name in level.ranges
        ]
        return [*several, *numbers]

    def draw(self, category: Draw, number: Draw) -> TunedRecipe:
        """Return the recipe that `category` and `number` draw, parameter by parameter.

        An option that goes with none of those drawn before is not offered, under a name that says
        so, as a parameter has the same options in the whole of a study.
        """
        choices, numbers = dict(self.held), {}
        for trick, levels in self.levels.items():
            left = [level for level in levels if not self._excluded(trick, level, choices)]
            if not left:
                choices[trick] = self.baseline[trick]
                continue
            names = tuple(level.option for level in left)
            whole = len(left) == len(levels)
            key = trick if whole else f"{trick} ({'|'.join(names)})"
            drawn = names[0] if len(names) == 1 else category(key, names)
            level = left[names.index(drawn)]
            choices[trick] = level.option
            for name, span in level.ranges.items():
                drawn = number(_name(trick, level.option, name), span)
                numbers[trick, name] = _tidy(drawn, span)
        order = {trick: choices[trick] for trick in self.baseline if trick in choices}
        return TunedRecipe(order, numbers)

    def _excluded(self, trick: str, level: Level, choices: Mapping[str, str]) -> bool:
        own = {(trick, option) for option in (level.option, *level.others)}
        others = {
            (other, option)
            for other, chosen in choices.items()
            for option in self._same(other, chosen)
        }
        return any(
            (one in own and two in others) or (two in own and one in others)
            for one, two in self.apart
        )

    def _same(self, trick: str, option: str) -> tuple[str, ...]:
        """Return the options that are one category with `option`."""
        for level in self.levels.get(trick, ()):
            if option in (level.option, *level.others):
                return (level.option, *level.others)
        return (option,)

    def recipe(self, choices: Mapping[str, str]) -> TunedRecipe | None:
        """Return the recipe of options by name, each with the numbers of its own file.

        None where the space has not all of them.
        """
        if any(choices.get(trick, held) != held for trick, held in self.held.items()):
            return None
        of: dict[str, Level] = {}
        for trick, levels in self.levels.items():
            option = choices.get(trick, self.baseline[trick])
            found = [level for level in levels if option in (level.option, *level.others)]
            if not found:
                return None
            of[trick] = found[0]
        values = {t: self.options[t, choices.get(t, self.baseline[t])] for t in of}
        return TunedRecipe(
            {t: of[t].option if t in of else self.held[t] for t in self.baseline},
            {(t, name): values[t][name] for t, level in of.items() for name in level.ranges},
        )

    def describe(self, recipe: TunedRecipe) -> str:
        """Return what `recipe` has that the baseline has not, for a reader."""
        parts = [f"{trick}={each.label}" for trick, each in self.parts(recipe).items()]
        return ", ".join(parts) or BASELINE_RECIPE

    def parts(self, recipe: TunedRecipe) -> dict[str, TunedOption]:
        """Return what `recipe` has that the baseline has not, by trick: another option, or other
        numbers of the same one.
        """
        found = {}
        for trick, option in recipe.choices.items():
            values = self.options.get((trick, option), {})
            own = {
                name: value
                for (t, name), value in recipe.numbers.items()
                if t == trick and value != values.get(name)
            }
            if own or option != self.baseline[trick]:
                found[trick] = TunedOption(option, own)
        return found

    def read(self, flat: Mapping[str, str]) -> TunedRecipe | None:
        """Return the recipe of a trial by its configuration, `flat`: text by dotted key.

        None where the space does not have it: another class, another fixed field, or a number out
        of its range.
        """
        choices, numbers = dict(self.held), {}
        for trick, levels in self.levels.items():
            prefix = f"tricks.{trick}."
            node = {k.removeprefix(prefix): v for k, v in flat.items() if k.startswith(prefix)}
            found = next((r for level in levels if (r := _match(level, node)) is not None), None)
            if found is None:
                return None
            choices[trick], values = found
            numbers.update({(trick, name): value for name, value in values.items()})
        return TunedRecipe({trick: choices[trick] for trick in self.baseline}, numbers)

    options: Mapping[tuple[str, str], Mapping[str, Any]] = field(default_factory=dict)
    """The fields of every option's file, by trick and option."""


def _match(level: Level, node: Mapping[str, str]) -> tuple[str, dict[str, float]] | None:
    """Return the option and its numbers of a trick's flat configuration, if it is of `level`."""
    if level.target is None:
        return None if node else (level.option, {})
    if node.get(TARGET) != level.target:
        return None
    if any(node.get(name) != str(value) for name, value in level.fixed.items()):
        return None
    values = {}
    for name, span in level.ranges.items():
        try:
            value = float(node[name])
        except (KeyError, ValueError):
            return None
        if not span.low <= value <= span.high:
            return None
        values[name] = int(value) if span.whole else value
    return level.option, values


def _tidy(value: float, span: Range) -> float:
    """Return a number as one would type it: four digits of one that was drawn with all."""
    if span.whole or len(repr(value)) <= TYPED:
        return value
    return span.fit(float(f"{value:.4g}"))


def _name(trick: str, option: str, name: str) -> str:
    """Return the name of a number's parameter, the same in every study."""
    return f"{trick}={option} {name}"
