"""A recipe of a study, and the categories that it is made of."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from darkmagic.sweeps.compose.checks.ranges import Range

__all__ = ["TARGET", "Field", "Level", "TunedRecipe"]

TARGET = "_target_"
Field = tuple[str, str]
"""A trick and a field of it."""


@dataclass(frozen=True)
class TunedRecipe:
    """The option of every trick, and the numbers that are searched, by trick and field.

    >>> TunedRecipe({"mixup": "on"}, {("mixup", "alpha"): 0.3}).overrides
    ('tricks.mixup.alpha=0.3',)
    """

    choices: Mapping[str, str]
    numbers: Mapping[Field, float] = field(default_factory=dict)

    @property
    def overrides(self) -> tuple[str, ...]:
        """The overrides of the numbers, exact to the last digit."""
        return tuple(f"tricks.{t}.{f}={value!r}" for (t, f), value in self.numbers.items())

    @property
    def key(self) -> tuple[Any, ...]:
        """What two recipes that are the same have in common."""
        return tuple(sorted(self.choices.items())), tuple(sorted(self.numbers.items()))


@dataclass(frozen=True)
class Level:
    """A category: an `option`, its `target` (None where it has no file), the values of all its
    fields, and the ranges of those that are searched. `others` are options that it stands for too.
    """

    option: str
    target: str | None
    values: Mapping[str, Any]
    ranges: Mapping[str, Range]
    others: tuple[str, ...] = ()

    @property
    def fixed(self) -> dict[str, Any]:
        """The fields that are not searched."""
        return {name: value for name, value in self.values.items() if name not in self.ranges}

    @property
    def kind(self) -> tuple[str | None, str]:
        """What two options have in common that are one category."""
        fixed = sorted((name, str(value)) for name, value in self.fixed.items())
        return self.target, f"{fixed} {sorted(self.ranges)}"
