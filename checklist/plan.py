"""From a checklist to its trials: the baseline, then one changed trick a trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from enum import StrEnum

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.model import Checklist, Trial, Trick

__all__ = ["Baseline", "baseline_choices", "expand", "with_baseline"]


class Baseline(StrEnum):
    """What every trial is compared with."""

    ARTICLE = "article"
    """Each trick's first option: take one trick away or replace it."""
    VANILLA = "vanilla"
    """The plain recipe: add one trick to it."""

    @classmethod
    def parse(cls, text: str) -> Baseline:
        """Return the baseline called `text`; raise `UserError` with the nearest names."""
        try:
            return cls(text)
        except ValueError:
            raise UserError(f"no baseline {text!r}; " + nearest(text, list(cls))) from None


def with_baseline(
    checklist: Checklist, baseline: Baseline, chosen: Mapping[str, str] | None = None
) -> Checklist:
    """Return `checklist` with each trick's baseline option moved to the front.

    `chosen` maps tricks to the option that the user set for the baseline; one that the
    checklist does not list is added in front.
    """
    return dataclasses.replace(
        checklist,
        tricks=tuple(_reorder(trick, baseline, (chosen or {})) for trick in checklist.tricks),
    )


def _reorder(trick: Trick, baseline: Baseline, chosen: Mapping[str, str]) -> Trick:
    first = trick.options[0]
    if baseline is Baseline.VANILLA and trick.vanilla is not None:
        first = trick.vanilla
    first = chosen.get(trick.name, first)
    rest = tuple(option for option in trick.options if option != first)
    return dataclasses.replace(trick, options=(first, *rest))


def baseline_choices(checklist: Checklist) -> dict[str, str]:
    """Return the first option of every trick."""
    return {trick.name: trick.options[0] for trick in checklist.tricks}


def expand(checklist: Checklist, *, seeds: int = 1, first_seed: int = 0) -> list[Trial]:
    """Return the trials of `checklist`, whose baseline options come first.

    The order is seed by seed, the baseline first in each, so that an interrupted sweep
    has whole comparisons. Raises `UserError` for fewer than one seed.
    """
    if seeds < 1:
        raise UserError(f"seeds={seeds} trains nothing; give seeds=1 or more")
    choices = baseline_choices(checklist)
    trials = []
    for seed in range(first_seed, first_seed + seeds):
        trials.append(Trial(None, None, "", seed, choices))
        trials += [
            Trial(trick.name, option, trick.section, seed, {**choices, trick.name: option})
            for trick in checklist.tricks
            for option in trick.options[1:]
        ]
    return trials
