"""From a composed configuration to its trials and the overrides of each."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from darkmagic.checklist.model import Checklist, Trial
from darkmagic.checklist.plan import (
    Baseline,
    expand,
    expand_combination,
    plan_seeds,
    with_baseline,
)
from darkmagic.sweeps.compose.check_options import check_options
from darkmagic.sweeps.compose.checklist_config import checklist_from
from darkmagic.sweeps.compose.groups import OFF, read_option
from darkmagic.sweeps.compose.request import Request
from darkmagic.sweeps.compose.session import group_options

__all__ = ["NO_CHECKLIST", "Plan", "make_plan"]

NO_CHECKLIST = "~checklist"
"""The override of every trial: it has no use for the checklist, whose every row would be composed
again for each row.
"""


@dataclass(frozen=True)
class Plan:
    """`checklist` has the baseline's options first; `overrides` are in the trials' order."""

    checklist: Checklist
    trials: tuple[Trial, ...]
    overrides: tuple[tuple[str, ...], ...]


def make_plan(
    loader: ConfigLoader,
    config: DictConfig,
    plain: Sequence[str],
    tricks: Sequence[str],
    *,
    seeds_of: Mapping[str, Sequence[int]] | None = None,
    combination: Request | None = None,
) -> Plan:
    """Return the plan of the checklist in `config`, with the seeds it asks for or `seeds_of`.

    A `combination` asks for the baseline and one trial that takes all its options instead.

    `plain` overrides go to every trial, but options of tricks among them become the
    baseline's; `tricks` (of a trick's field) go to the trials whose option has the field.
    Raises `UserError` for a field outside its range, in any option that a trial takes.
    """
    listed = checklist_from(loader, config.checklist)
    choices = config.hydra.runtime.choices
    asked = {_group(word) for word in plain} & set(choices)
    chosen = {g.removeprefix("trick/"): choices[g] for g in asked if g.startswith("trick/")}
    checklist = with_baseline(listed, Baseline.parse(config.baseline), chosen)
    check_options(loader, config, {t.name: t.options for t in checklist.tricks}, [*plain, *tricks])
    if seeds_of is None:
        seeds_of = plan_seeds(
            checklist,
            seeds=config.seeds,
            first_seed=config.seed,
            baseline_repeats=config.baseline_repeats,
        )
    trials = expand(checklist, seeds_of)
    if combination is not None and combination.combination:
        trials = expand_combination(checklist, combination.combination, combination.seeds)
    own = _trick_groups(checklist) | {"checklist", "seed", "runtime.experiment"}
    common = [w for w in plain if _group(w) not in own and not _group(w).startswith("checklist.")]
    common += [NO_CHECKLIST, f"runtime.experiment='{config.runtime.experiment}'"]
    defaults = {str(group): str(option) for group, option in choices.items()}
    return Plan(
        checklist,
        tuple(trials),
        tuple(_overrides(loader, trial, common, tricks, defaults) for trial in trials),
    )


def _overrides(
    loader: ConfigLoader,
    trial: Trial,
    common: Sequence[str],
    tricks: Sequence[str],
    defaults: Mapping[str, str],
) -> tuple[str, ...]:
    choices = []
    for name, option in trial.choices.items():
        group = f"trick/{name}"
        if option == OFF and group not in defaults and not _has_file(loader, name, option):
            continue
        choices.append(f"{'' if group in defaults else '+'}{group}='{option}'")
    fields = [
        word
        for word in tricks
        if _applies(loader, {**defaults, **_as_groups(trial)}, *_field(word))
    ]
    return (*common, *choices, *fields, f"seed={trial.seed}")


def _has_file(loader: ConfigLoader, trick: str, option: str) -> bool:
    return option in group_options(loader, f"trick/{trick}")


def _applies(loader: ConfigLoader, choices: Mapping[str, str], trick: str, field: str) -> bool:
    """Whether the option of `trick` among `choices` has the field."""
    option = choices.get(f"trick/{trick}", OFF)
    return _has_file(loader, trick, option) and field in read_option(loader, trick, option)


def _as_groups(trial: Trial) -> dict[str, str]:
    return {f"trick/{name}": option for name, option in trial.choices.items()}


def _group(word: str) -> str:
    return word.partition("=")[0].lstrip("+")


def _trick_groups(checklist: Checklist) -> set[str]:
    return {f"trick/{trick.name}" for trick in checklist.tricks}


def _field(word: str) -> tuple[str, str]:
    """Return the trick and the field of a word such as `tricks.mixup.alpha=1`."""
    _, trick, field, *_ = word.partition("=")[0].split(".")
    return trick, field
