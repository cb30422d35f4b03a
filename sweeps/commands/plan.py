"""Plan of a sweep from the command line: `checklist plan` shows it, other commands train it."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from omegaconf import DictConfig

from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.model import RATE_TRICK, Trial
from darkmagic.checklist.plan import Design, Retune
from darkmagic.checklist.planning.retune import Rates, known_rates, retuned_rows, tries_of
from darkmagic.checklist.records import ENDED, TrialRecord
from darkmagic.checklist.report.writers.notebook import plan_html, plan_text
from darkmagic.sweeps.compose.command.planner import make_planner
from darkmagic.sweeps.compose.overrides import CheckedOverrides, check_overrides
from darkmagic.sweeps.compose.plan import Plan, Planner
from darkmagic.sweeps.compose.request import Request, metric_modules, split_request
from darkmagic.sweeps.compose.session import CONFIG_NAME, compose, hydra_session, root_config
from darkmagic.sweeps.launch.check import check_launcher
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.orchestrate.extend import further_seeds, known_records, race_seeds, sweep_key
from darkmagic.sweeps.orchestrate.screening.plan import make_plan, read_design
from darkmagic.sweeps.track.rules import read_rules
from darkmagic.sweeps.track.sinks.choose import check_track
from darkmagic.sweeps.trial.identity import retuning
from darkmagic.trainers.runtime.cache import forget_silence

__all__ = ["PlannedSweep", "check", "next_round", "plan", "plan_request"]


@dataclass(frozen=True)
class PlannedSweep:
    """A plan, and all that it was made from.

    `checked` overrides compose its configuration, in which `config_dirs` go first. `rates` are
    those that were picked for its rows, and `unpicked` has for each other row that needs one what
    is to be picked. `budget_runs` are the runs of a race in all, where that is known.

    >>> planned = plan(["checklist=article", "epochs=5"])
    >>> planned.config.epochs, planned.plan.checklist.name
    (5, 'article')
    """

    plan: Plan
    request: Request
    checked: CheckedOverrides
    config_dirs: tuple[Path, ...]
    rates: Mapping[str, Rates] = field(default_factory=dict)
    unpicked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    budget_runs: int | None = None

    @property
    def config(self) -> DictConfig:
        """The configuration of the sweep, its `hydra` node included."""
        return self.checked.config

    @property
    def metric(self) -> Metric:
        """The metric that decides."""
        return read_rules(self.config).metric

    @property
    def tries(self) -> int:
        """The runs that rates are picked from, before those of the plan."""
        each = tries_of(Retune(self.config.retune), self.config.retune_tries)
        return len(self.unpicked) * each * int(self.config.retune_seeds)

    @property
    def trials(self) -> tuple[Trial, ...]:
        """The trials, those that are trained already among them."""
        return self.plan.trials

    def __repr__(self) -> str:
        """Return the trials, a line each, as the prompt and `print` show them."""
        return plan_text(self.plan.checklist, self.plan.trials)

    def _repr_html_(self) -> str:
        """Return the trials as a table, for a notebook."""
        return plan_html(self.plan.checklist, self.plan.trials)


def check(overrides: Sequence[str], config_dirs: Sequence[Path] = ()) -> None:
    """Raise `UserError` where `overrides` cannot be used, whatever has been trained so far."""
    plain, _ = split_request(overrides)
    with hydra_session(config_dirs) as hydra:
        checked = check_overrides(hydra.config_loader, plain)
        make_planner(hydra.config_loader, checked.config, checked.plain, checked.tricks)


def plan(
    overrides: Sequence[str],
    config_dirs: Sequence[Path] = (),
    *,
    will_train: bool = False,
    interactions: bool = False,
) -> PlannedSweep:
    """Return the trials that `overrides` ask for, those that are trained already among them.

    Writes nothing. With `interactions` a screen that has run gets the runs that tell the pair of
    tricks apart that it points to. `will_train` starts the process that trials are forked from,
    which imports torch meanwhile. Raises `UserError` for an override that cannot be used.

    >>> planned = plan(["checklist=article", "seeds=2"])
    >>> len(planned.plan.trials), planned.plan.trials[1].name
    (36, 'lr_regime=gamma_decay')
    """
    options = [option for folder in config_dirs for option in ("--config-dir", str(folder))]
    plain, request = split_request(overrides, options)
    request = dataclasses.replace(request, interactions=interactions)
    return plan_request(plain, request, config_dirs, will_train=will_train)


def plan_request(
    overrides: Sequence[str],
    request: Request,
    config_dirs: Sequence[Path] = (),
    *,
    rates: Mapping[str, Rates] | None = None,
    will_train: bool = False,
) -> PlannedSweep:
    """Return the plan of a `request` over the configuration that `overrides` compose.

    `rates` are those that were picked for its rows; if None, those of the sweep that exists.
    """
    if will_train:
        own = root_config(overrides) == CONFIG_NAME
        fork_server.warm_up(metric_modules(overrides), torch=own)
        forget_silence()
    with hydra_session(config_dirs) as hydra:
        loader = hydra.config_loader
        checked = check_overrides(loader, overrides)
        config = checked.config
        if will_train:
            check_launcher(config)
            check_track(config)
        rules = read_rules(config)
        planner = make_planner(loader, config, checked.plain, checked.tricks)
        design = read_design(config, request)
        records: list[TrialRecord] = []
        if request.extends_sweep or (design is Design.ONE_AT_A_TIME and retuning(config)):
            words = planner.baseline_overrides
            if request.confirms:  # on the test set: what it confirms has not touched that
                words = tuple(word for word in words if not word.startswith("test_set="))
            records = known_records(sweep_key(config, compose(loader, words)))
        rows = {}
        if design is Design.ONE_AT_A_TIME:
            rows = retuned_rows(planner.checklist, Retune(config.get("retune", Retune.NONE)))
        if rows and f"trick/{RATE_TRICK}" in config.hydra.runtime.choices:
            raise UserError(
                f"retune={config.retune} picks trick/{RATE_TRICK} for each row; leave that out, or "
                "write retune=none"
            )
        planner.rates = known_rates(rows, records) if rates is None else rates
        if request.trials:
            made = planner.plan_tuned(request.trials, request.tuned)
        elif request.confirms:
            made = planner.plan_combination(
                request.combination,
                request.seeds,
                parts_alone=request.parts_alone,
                seen=request.seen,
                fields=request.fields,
                label=request.label,
            )
        elif request.extends_sweep:
            made = planner.plan(_seeds_of(planner, records, request, rules))
        else:
            made = make_plan(loader, config, planner, interactions=request.interactions)
    return PlannedSweep(
        made,
        request,
        checked,
        tuple(config_dirs),
        rates=planner.rates,
        unpicked={name: keys for name, keys in rows.items() if name not in planner.rates},
        budget_runs=request.budget.runs_in_all(records) if request.budget else None,
    )


def next_round(planned: PlannedSweep, records: Sequence[TrialRecord]) -> PlannedSweep | None:
    """Return the plan of the round of a race that follows `records`, all there are by now.

    None if `planned` is no race, if a run of it has not ended, or if nothing is left to train.
    """
    budget = planned.request.budget
    if budget is None or any(record.status not in ENDED for record in records):
        return None
    with hydra_session(planned.config_dirs) as hydra:
        checked = planned.checked
        planner = make_planner(hydra.config_loader, checked.config, checked.plain, checked.tricks)
        planner.rates = planned.rates
        rules = read_rules(checked.config)
        made = planner.plan(race_seeds(planner, records, budget, rules))
    if len(made.trials) <= len(planned.plan.trials):
        return None
    return dataclasses.replace(planned, plan=made)


def _seeds_of(
    planner: Planner, records: Sequence[TrialRecord], request: Request, rules: Rules
) -> dict[str, list[int]]:
    if request.budget is not None:
        return race_seeds(planner, records, request.budget, rules)
    return further_seeds(planner, records, request, rules)
