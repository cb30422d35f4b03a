"""Plan of a sweep: its trials and the overrides of each, from a composed configuration."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from darkmagic.checklist.designs.crossed.rates import with_rates
from darkmagic.checklist.designs.factors import Limits
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import BASELINE, Checklist, Trial
from darkmagic.checklist.plan import (
    COMBINATION,
    MAX_SEEDS,
    Baseline,
    Design,
    Retune,
    baseline_choices,
    expand,
    expand_combination,
    plan_seeds,
    trial_names,
    with_baseline,
)
from darkmagic.checklist.planning.baseline import best_repeats
from darkmagic.checklist.planning.retune import rated
from darkmagic.checklist.recipes.tuned import TunedOption, tuned_in
from darkmagic.sweeps.compose.checklist_config import read_checklist
from darkmagic.sweeps.compose.checks.options import check_options, refuse_unused_fields
from darkmagic.sweeps.compose.groups import OFF, read_option
from darkmagic.sweeps.compose.parse_overrides import field_of, group_of, quote, without_groups
from darkmagic.sweeps.compose.session import compose, group_options

__all__ = ["NO_CHECKLIST", "Plan", "Planner"]

NO_CHECKLIST = "~checklist"
"""Override of every trial: none needs the checklist, and composing its rows for each costs time."""


@dataclass(frozen=True)
class Plan:
    """The trials of a sweep.

    `checklist` has the baseline's options first; `overrides`, in the order of `trials`, compose
    one trial each. `limits` are what a screen leaves out. Where rates were picked, `unrated` are
    the overrides of the baseline without its own, which tell the sweep from others.
    """

    checklist: Checklist
    trials: tuple[Trial, ...]
    overrides: tuple[tuple[str, ...], ...]
    limits: Limits = field(default_factory=Limits)
    unrated: tuple[str, ...] = ()


class Planner:
    """Makes plans of the checklist that a configuration names.

    Which seeds a sweep needs may depend on its earlier runs, which are found by the baseline's
    configuration. So the checklist and the baseline are known here before any plan is made:

        planner = Planner(loader, checked.config, checked.plain, checked.tricks)
        plan = planner.plan()  # the configured seeds, or others: planner.plan(seeds_of)

    Raises `UserError` for a checklist, baseline or number of seeds that there cannot be.
    """

    rates: Mapping[str, Mapping[str, float]] = MappingProxyType({})
    """By trial's name, what its rates are multiplied by; the baseline's where it is not named."""

    def __init__(
        self,
        loader: ConfigLoader,
        config: DictConfig,
        plain: Sequence[str],
        tricks: Sequence[str],
    ) -> None:
        """`config` is what `plain` composes to.

        `plain` overrides go to every trial, but options of tricks among them become the
        baseline's; `tricks` (of a trick's field) go to the trials whose option has the field.
        Raises `UserError` for a field outside its range, in any option that a trial takes.
        """
        self._loader = loader
        self._tricks = tricks
        choices = config.hydra.runtime.choices
        changed = {group_of(override) for override in plain} & set(choices)
        chosen = {g.removeprefix("trick/"): choices[g] for g in changed if g.startswith("trick/")}
        listed = read_checklist(loader, config.checklist, [str(choices["checklist"])])
        self.checklist = with_baseline(listed, Baseline.parse(config.baseline), chosen)
        if config.design == Design.SCREEN and config.retune == Retune.LADDER:
            self.checklist = with_rates(self.checklist)
        options = {trick.name: trick.options for trick in self.checklist.tricks}
        check_options(loader, config, options, [*plain, *tricks])
        others = {
            str(group).removeprefix("trick/"): (str(option),)
            for group, option in choices.items()
            if str(group).startswith("trick/")
        }
        refuse_unused_fields(loader, {**others, **options}, tricks)
        self.seeds_of = self._plan_seeds(config)
        own = {f"trick/{trick.name}" for trick in self.checklist.tricks}
        self._common = [
            *without_groups(plain, own | {"checklist", "seed", "runtime.experiment"}),
            NO_CHECKLIST,
            f"runtime.experiment={quote(str(config.runtime.experiment))}",
        ]
        self._defaults = {str(group): str(option) for group, option in choices.items()}

    def _plan_seeds(self, config: DictConfig) -> dict[str, list[int]]:
        repeats = config.baseline_repeats
        if repeats == "auto":
            best = best_repeats(len(trial_names(self.checklist)) - 1, config.seeds)
            folds = config.get("folds")  # are blocks
            repeats = config.seeds if folds else min(best, MAX_SEEDS)
        return plan_seeds(
            self.checklist, seeds=config.seeds, first_seed=config.seed, baseline_repeats=repeats
        )

    @property
    def baseline_overrides(self) -> tuple[str, ...]:
        """The overrides of the baseline's first trial."""
        first = self.seeds_of[BASELINE][0]
        return self._overrides(expand(self.checklist, {BASELINE: [first]})[0])

    def plan(self, seeds_of: Mapping[str, Sequence[int]] | None = None) -> Plan:
        """Return the plan of the whole checklist, with the configured seeds if None."""
        return self.plan_trials(
            expand(self.checklist, self.seeds_of if seeds_of is None else seeds_of)
        )

    def plan_combination(
        self,
        combination: Mapping[str, str],
        seeds: Sequence[int],
        *,
        parts_alone: bool = False,
        seen: Mapping[str, str] | None = None,
        fields: Sequence[str] = (),
        label: str = "",
    ) -> Plan:
        """Return the plan of the baseline and of one trial that takes all of `combination`.

        With `parts_alone`, of each of its options alone too; and of another recipe that was `seen`.
        `fields` are overrides that the trial takes beside, such as `tricks.mixup.alpha=0.3`, and
        `label` is what it is called then.
        """
        trials = expand_combination(
            self.checklist, combination, seeds, parts_alone=parts_alone, seen=seen, label=label
        )
        plan = self.plan_trials(trials)
        if not fields:
            return plan
        overrides = (
            (*own, *fields) if trial.trick == COMBINATION else own
            for trial, own in zip(plan.trials, plan.overrides, strict=True)
        )
        return replace(plan, overrides=tuple(overrides))

    def plan_trials(self, trials: Sequence[Trial]) -> Plan:
        """Return the plan of `trials`, each at the rates that were picked for its options."""
        made = tuple(rated(trial, self.rates) for trial in trials)
        overrides = tuple(self._overrides(trial) for trial in made)
        unrated = self.baseline_overrides if self.rates else ()
        return Plan(self.checklist, made, overrides, unrated=unrated)

    def plan_tuned(self, trials: Sequence[Trial], tuned: Mapping[str, TunedOption]) -> Plan:
        """Return the plan of `trials`, some of whose choices may be called as the options of
        `tuned` are: those are trained with their numbers.
        """
        has = [tuned_in(trial, tuned) for trial in trials]
        plan = self.plan_trials(
            [
                replace(trial, choices={**trial.choices, **{t: o.option for t, o in own.items()}})
                for trial, own in zip(trials, has, strict=True)
            ]
        )
        numbers = ([w for t, each in own.items() for w in each.overrides(t)] for own in has)
        overrides = ((*o, *own) for o, own in zip(plan.overrides, numbers, strict=True))
        return replace(plan, overrides=tuple(overrides))

    def plan_screen(self, trials: Sequence[Trial], limits: Limits) -> Plan:
        """Return the plan of a screen's `trials`, which leave out what `limits` say."""
        return replace(self.plan_trials(trials), limits=limits)

    def tuned_overrides(self, trial: Trial, fields: Sequence[str]) -> tuple[str, ...]:
        """Return the overrides of a trial whose numbers `fields`, overrides of them, set."""
        return (*self._overrides(trial), *fields)

    def plan_tries(
        self, tries: Sequence[tuple[str, Mapping[str, float]]], seeds: Sequence[int]
    ) -> Plan:
        """Return the plan of `tries`, names of trials with the rates to try them at."""
        alone = expand(self.checklist, {name: [seeds[0]] for name, _ in tries})
        trials = {trial.name: trial for trial in alone}
        return self.plan_trials(
            [
                replace(trials[name], seed=seed, rates=rates)
                for seed in seeds
                for name, rates in tries
            ]
        )

    def _overrides(self, trial: Trial) -> tuple[str, ...]:
        options = []
        for name, option in trial.choices.items():
            group = f"trick/{name}"
            is_default = group in self._defaults
            if option == OFF and not is_default and not _has_file(self._loader, name, option):
                continue
            options.append(f"{'' if is_default else '+'}{group}='{option}'")
        choices = {**self._defaults, **{f"trick/{n}": o for n, o in trial.choices.items()}}
        fields = [o for o in self._tricks if _applies(self._loader, choices, *field_of(o))]
        optional = [f"runtime.optional_tricks='{','.join(self._of_baseline(trial))}'"]
        seed = f"seed={trial.seed}"
        made = (*self._common, *options, *fields, *optional, seed)
        return (*made[:-1], *self._rate_overrides(trial, made), seed) if trial.rates else made

    def _rate_overrides(self, trial: Trial, made: Sequence[str]) -> Iterator[str]:
        """Yield the overrides of the rates of `trial`, which `made` compose without them.

        A rate that is multiplied by 1 needs none, so that the trial is the same as without.
        """
        lr, decay = trial.rates.get("lr", 1.0), trial.rates.get("decay", 1.0)
        if lr != 1:
            yield from ("+trick/learning_rate='x3'", f"tricks.learning_rate.factor={lr!r}")
        if decay != 1:
            value = compose(self._loader, made).tricks.get("weight_decay", {}).get("value")
            if not isinstance(value, float | int):
                raise UserError(
                    "retune=optuna tunes tricks.weight_decay.value, which the option of "
                    "weight_decay here does not have; write retune=ladder"
                )
            yield f"tricks.weight_decay.value={value * decay!r}"

    def _of_baseline(self, trial: Trial) -> list[str]:
        """Return the tricks that `trial` has as the baseline does: it may go without them."""
        baseline = baseline_choices(self.checklist)
        default = [g.removeprefix("trick/") for g in self._defaults if g.startswith("trick/")]
        unlisted = [name for name in default if name not in trial.choices]
        shared = [name for name, o in trial.choices.items() if o == baseline.get(name)]
        return sorted({*unlisted, *shared} - {trial.trick})


def _has_file(loader: ConfigLoader, trick: str, option: str) -> bool:
    return option in group_options(loader, f"trick/{trick}")


def _applies(loader: ConfigLoader, choices: Mapping[str, str], trick: str, field: str) -> bool:
    """Whether the option of `trick` among `choices` has the field."""
    option = choices.get(f"trick/{trick}", OFF)
    return _has_file(loader, trick, option) and field in read_option(loader, trick, option)
