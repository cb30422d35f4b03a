"""From a checklist to its trials: the baseline, then one changed trick a trial."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from enum import StrEnum

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.model import BASELINE, Checklist, Trial, Trick

__all__ = [
    "COMBINATION",
    "MAX_SEEDS",
    "SEEN",
    "Baseline",
    "Design",
    "Retune",
    "baseline_choices",
    "expand",
    "expand_combination",
    "plan_seeds",
    "trial_names",
    "with_baseline",
]

COMBINATION = "combination"
SEEN = "best_seen"
"""In place of a trick, of the recipe of a sweep's best trial, beside the combination."""
MAX_SEEDS = 1000
"""Seeds of a trial: far more than decide anything, and planned in a second."""


class Baseline(StrEnum):
    """What every trial is compared with.

    >>> Baseline.parse("vanilla") is Baseline.VANILLA
    True
    """

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


class Design(StrEnum):
    """Which options the trials of a sweep change.

    >>> Design("screen") is Design.SCREEN
    True
    """

    ONE_AT_A_TIME = "one_at_a_time"
    """Each trial changes one trick of the baseline."""
    SCREEN = "screen"
    """Each trial mixes the options of all tricks, so that each run informs of all."""


class Retune(StrEnum):
    """How rates are picked for the options that are only fairly compared at a rate of their own.

    >>> Retune("ladder") is Retune.LADDER
    True
    """

    NONE = "none"
    """Every trial has the baseline's rate."""
    LADDER = "ladder"
    """The best of three rates: a third of the recipe's, its own, three times that."""
    OPTUNA = "optuna"
    """The best of as many tries for each, which Optuna proposes."""


def with_baseline(
    checklist: Checklist, baseline: Baseline, chosen: Mapping[str, str] | None = None
) -> Checklist:
    """Return `checklist` with each trick's baseline option moved to the front.

    `chosen` maps tricks to the option that the user set for the baseline; one that the
    checklist does not list is added in front.

    >>> mine = Checklist("mine", (Trick("mixup", "regularisation", ("off", "on")),))
    >>> trial_names(with_baseline(mine, Baseline.ARTICLE, {"mixup": "on"}))
    ['baseline', 'mixup=off']
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


def trial_names(checklist: Checklist) -> list[str]:
    """Return `baseline` and `trick=option` of every other option, in the checklist's order.

    >>> mine = Checklist("mine", (Trick("mixup", "regularisation", ("off", "on")),))
    >>> trial_names(mine)
    ['baseline', 'mixup=on']
    """
    options = [f"{trick.name}={o}" for trick in checklist.tricks for o in trick.options[1:]]
    return [BASELINE, *options]


def plan_seeds(
    checklist: Checklist,
    *,
    seeds: int = 1,
    first_seed: int = 0,
    baseline_repeats: int | None = None,
) -> dict[str, list[int]]:
    """Return the seeds of every trial: `seeds` each, the baseline `baseline_repeats` if more.

    Raises `UserError` for fewer than one seed, and for more than `MAX_SEEDS`.

    >>> mine = Checklist("mine", (Trick("mixup", "regularisation", ("off", "on")),))
    >>> plan_seeds(mine, seeds=2, baseline_repeats=3)
    {'baseline': [0, 1, 2], 'mixup=on': [0, 1]}
    """
    for name, count in {"seeds": seeds, "baseline_repeats": baseline_repeats}.items():
        if count is not None and count < 1:
            raise UserError(f"{name}={count} trains nothing; give {name}=1 or more")
        if count is not None and count > MAX_SEEDS:
            raise UserError(f"{name}={count}: give {name}={MAX_SEEDS} or fewer")
    shared = list(range(first_seed, first_seed + seeds))
    repeats = list(range(first_seed, first_seed + max(seeds, baseline_repeats or 0)))
    return {n: repeats if n == BASELINE else shared for n in trial_names(checklist)}


def expand(checklist: Checklist, seeds_of: Mapping[str, Sequence[int]]) -> list[Trial]:
    """Return the trials of `checklist`, whose baseline options come first.

    `seeds_of` maps names, `baseline` and `trick=option`, to seeds. The order is seed by seed,
    the baseline first in each, so that an interrupted sweep has complete comparisons.

    >>> mine = Checklist("mine", (Trick("mixup", "regularisation", ("off", "on")),))
    >>> [(trial.name, trial.seed) for trial in expand(mine, plan_seeds(mine, seeds=2))]
    [('baseline', 0), ('mixup=on', 0), ('baseline', 1), ('mixup=on', 1)]
    """
    choices = baseline_choices(checklist)
    changed = [(t.name, option, t.section) for t in checklist.tricks for option in t.options[1:]]
    trials = []
    for seed in sorted({seed for seeds in seeds_of.values() for seed in seeds}):
        if seed in seeds_of.get(BASELINE, ()):
            trials.append(Trial(None, None, "", seed, choices))
        trials += [
            Trial(trick, option, section, seed, {**choices, trick: option})
            for trick, option, section in changed
            if seed in seeds_of.get(f"{trick}={option}", ())
        ]
    return trials


def expand_combination(
    checklist: Checklist,
    combination: Mapping[str, str],
    seeds: Sequence[int],
    *,
    parts_alone: bool = False,
    label: str = "",
    seen: Mapping[str, str] | None = None,
) -> list[Trial]:
    """Return, for every seed, the baseline and one trial that takes all of `combination`.

    It is called by its options, or else by `label`.

    With `parts_alone` each of several options is a trial of its own too, so that the combination
    can be compared with its parts on the same seeds. `seen` are options of another recipe that is
    a trial beside them. Raises `UserError` for a trick or an option
    that the checklist does not have.
    """
    choices = baseline_choices(checklist)
    for trick, option in [*combination.items(), *(seen or {}).items()]:
        if option not in checklist.trick(trick).options:
            raise UserError(
                f"trick {trick!r} has no option {option!r} in checklist {checklist.name!r}; "
                + nearest(option, checklist.trick(trick).options)
            )
    first, other = (
        "+".join(f"{trick}={option}" for trick, option in recipe.items())
        for recipe in (combination, seen or {})
    )
    label = label or first
    parts = combination.items() if parts_alone and len(combination) > 1 else ()
    return [
        trial
        for seed in seeds
        for trial in (
            Trial(None, None, "", seed, choices),
            Trial(COMBINATION, label, "", seed, {**choices, **combination}),
            *([Trial(SEEN, other, "", seed, {**choices, **seen})] if seen else []),
            *(
                Trial(name, option, checklist.trick(name).section, seed, {**choices, name: option})
                for name, option in parts
            ),
        )
    ]
