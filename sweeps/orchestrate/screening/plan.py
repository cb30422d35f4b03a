"""The plan of a sweep by its design: one trick at a time, or a screen of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from darkmagic.checklist.designs.screen import Choice, Limits, make_screen, usual_runs
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import BASELINE, SCREEN, Trial
from darkmagic.checklist.plan import Design, Retune, baseline_choices, trial_names
from darkmagic.checklist.records import TrialRecord
from darkmagic.sweeps.compose.checks.values import resolve_part
from darkmagic.sweeps.compose.command.planner import CommandPlanner
from darkmagic.sweeps.compose.plan import Plan, Planner
from darkmagic.sweeps.compose.request import Request
from darkmagic.sweeps.compose.session import compose
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.orchestrate.extend import known_records, sweep_key
from darkmagic.sweeps.trial.identity import resolve
from darkmagic.sweeps.trial.inert import survey_options

__all__ = ["make_plan", "read_design", "survey"]

SECONDS = 300
STATUS_WORDS = {
    "inert": "changes nothing here",
    "not_applicable": "does not apply",
    "skipped": "cannot be had here",
}


def read_design(config: DictConfig, request: Request | None = None) -> Design:
    """Return the design of `config`; raise `UserError` for what does not go with it."""
    design = Design(config.design)
    if design is Design.SCREEN and config.retune == Retune.OPTUNA:
        raise UserError(
            "retune=optuna picks rates for one trick at a time; in a screen the rate is a trick of "
            "its own: write retune=ladder"
        )
    if design is Design.ONE_AT_A_TIME and config.runs is not None:
        raise UserError(f"runs={config.runs} is of a screen; write design=screen, or seeds=3")
    if design is Design.SCREEN and request is not None and request.extends_sweep:
        raise UserError(
            "seeds=+N, only= and budget= go on with a sweep of one trick at a time; a screen is "
            "extended by more runs in all, such as runs=36"
        )
    if config.folds and design is Design.SCREEN:
        raise UserError(
            f"folds={config.folds} is of one trick at a time: a screen's runs are compared across "
            "seeds, and so across folds; leave one of them out"
        )
    fresh = request is not None and not request.extends_sweep and not request.combination
    if config.folds and fresh and config.seeds % config.folds:
        more = config.folds * (config.seeds // config.folds + 1)
        raise UserError(
            f"folds={config.folds} with seeds={config.seeds}: each seed validates on one fold, so "
            f"give a multiple: seeds={more}"
        )
    if design is Design.SCREEN and config.baseline_repeats not in (None, "auto"):
        raise UserError(
            f"baseline_repeats={config.baseline_repeats} is of one trick at a time: in a screen "
            "every run informs of the baseline; leave it out"
        )
    return design


def make_plan(loader: ConfigLoader, config: DictConfig, planner: Planner) -> Plan:
    """Return the plan of the design that `config` names, whose trials `planner` makes.

    A screen counts in the trials that the sweep has, and leaves out what the model cannot have,
    which a child process finds out.
    """
    if read_design(config) is Design.ONE_AT_A_TIME:
        return planner.plan()
    limits, _ = survey(loader, planner)
    records = known_records(sweep_key(config, compose(loader, planner.baseline_overrides)))
    seeds = range(config.seed, config.seed + config.seeds)
    runs = config.runs or usual_runs(planner.checklist, len(seeds), limits)
    known = _known(planner, records)
    trials = make_screen(planner.checklist, runs, seeds=seeds, known=known, limits=limits)
    return planner.plan_screen(trials, limits)


def survey(loader: ConfigLoader, planner: Planner) -> tuple[Limits, dict[Choice, Any]]:
    """Return which options cannot be had, or cannot be had together, on this model and data; and
    the content of every option, resolved, None for one that leaves its trick out.

    Of a command it is known which options its trainer maps, and no more.
    """
    if isinstance(planner, CommandPlanner):
        reason = "does not apply: the trainer has no mapping"
        return Limits(dict.fromkeys(planner.unmapped(), reason)), {}
    first = planner.seeds_of[BASELINE][0]
    alone = planner.plan({name: [first] for name in trial_names(planner.checklist)})
    composed = [compose(loader, overrides) for overrides in alone.overrides]
    contents = {
        (trick, option): resolve_part(config.tricks, trick) if trick in config.tricks else None
        for trial, config in zip(reversed(alone.trials), reversed(composed), strict=True)
        for trick, option in trial.choices.items()
    }
    return _limits(alone, [resolve(config) for config in composed]), contents


def _limits(alone: Plan, resolved: Sequence[dict[str, Any]]) -> Limits:
    tricks = [trial.trick or "" for trial in alone.trials]
    job = fork_server.start(
        survey_options, resolved, tricks, env={"CUDA_VISIBLE_DEVICES": ""}, threads=1
    )
    try:
        if not job.connection.poll(SECONDS):
            return Limits()
        findings, apart = job.result()
    except EOFError:  # a trial shows why when it trains
        return Limits()
    finally:
        job.stop()
    choices = [(trial.trick or "", trial.option or "") for trial in alone.trials]
    dropped = {
        choice: f"{STATUS_WORDS.get(found[0], found[0])}: {found[1]}"
        for choice, found in zip(choices[1:], findings[1:], strict=True)
        if found is not None
    }
    return Limits(dropped, [(choices[one], choices[other]) for one, other in apart])


def _known(planner: Planner, records: Sequence[TrialRecord]) -> list[Trial]:
    """Return the trials that the sweep has, in the order in which they were planned."""
    baseline = baseline_choices(planner.checklist)
    found = []
    for record in records:
        own = {} if record.trick in (None, SCREEN) else {str(record.trick): str(record.option)}
        choices = {**baseline, **record.choices, **own}
        if set(choices) == set(baseline):
            found.append(Trial(record.trick, record.option, record.section, record.seed, choices))
    return sorted(found, key=lambda trial: (trial.trick or "", trial.name, trial.seed))
