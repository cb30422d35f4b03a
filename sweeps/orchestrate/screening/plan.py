"""The plan of a sweep by its design: one trick at a time, or a screen of all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig

from darkmagic.checklist.designs.factors import Choice, Limits
from darkmagic.checklist.designs.screen import make_screen, separating_runs, usual_runs
from darkmagic.checklist.designs.table import Screened, is_screen
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import BASELINE, SCREEN, Checklist, Trial
from darkmagic.checklist.plan import Design, Retune, baseline_choices, trial_names
from darkmagic.checklist.records import TrialRecord
from darkmagic.sweeps.compose.checks.values import resolve_part
from darkmagic.sweeps.compose.command.planner import CommandPlanner
from darkmagic.sweeps.compose.plan import Plan, Planner
from darkmagic.sweeps.compose.request import Request
from darkmagic.sweeps.compose.session import compose
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.answers import DiedError, SilentError, wait_for
from darkmagic.sweeps.launch.local.stall import LOOK_SECONDS, SETTING, patience
from darkmagic.sweeps.orchestrate.extend import find_sweep, known_records, sweep_key
from darkmagic.sweeps.orchestrate.screening.limits import read_limits
from darkmagic.sweeps.track.schema.tags import LOOKS
from darkmagic.sweeps.trial.identity import resolve
from darkmagic.sweeps.trial.inert import survey_options

__all__ = ["check_design", "make_plan", "read_design", "survey", "suspected"]

UNSEEN = "options that cannot be had are not left out"
STATUS_WORDS = {
    "inert": "changes nothing here",
    "not_applicable": "does not apply",
    "skipped": "cannot be had here",
}


def check_design(config: DictConfig, request: Request | None = None) -> Design:
    """Return the design of `config`; raise `UserError` for words that are of the other one."""
    design = Design(config.design)
    if design is Design.SCREEN and config.retune == Retune.OPTUNA:
        raise UserError(
            "retune=optuna picks rates for one trick at a time; in a screen the rate is a trick of "
            "its own: write retune=ladder"
        )
    if design is Design.ONE_AT_A_TIME and config.runs is not None:
        raise UserError(f"runs={config.runs} is of a screen; write design=screen, or seeds=3")
    if design is Design.ONE_AT_A_TIME and request is not None and request.interactions:
        raise UserError("--interactions is of a screen; write design=screen")
    if design is Design.SCREEN and request is not None and request.extends_sweep:
        raise UserError(
            "seeds=+N, only= and budget= go on with a sweep of one trick at a time; a screen is "
            "extended by more runs in all, such as runs=36"
        )
    return design


def read_design(config: DictConfig, request: Request | None = None) -> Design:
    """Return the design of `config`; raise `UserError` for what cannot be trained by it."""
    design = check_design(config, request)
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


def make_plan(
    loader: ConfigLoader, config: DictConfig, planner: Planner, *, interactions: bool = False
) -> Plan:
    """Return the plan of the design that `config` names, whose trials `planner` makes.

    A screen counts in the trials that the sweep has, and leaves out what the model cannot have,
    which a child process finds out. With `interactions` it gets the runs that tell the suspected
    pair of tricks apart; where those of a pair were begun and not reported yet, it goes on with
    them. Raises `UserError` where no pair can be suspected.
    """
    if read_design(config) is Design.ONE_AT_A_TIME:
        return planner.plan()
    key = sweep_key(config, compose(loader, planner.baseline_overrides))
    records = known_records(key)
    tags = parent.data.tags if (parent := find_sweep(key)) else {}
    before, looks = read_limits(tags).together, int(tags.get(LOOKS, 0))
    pair = next((begun for begun, look in before.items() if look > looks), None)
    if interactions and pair is None:
        pair = suspected(planner.checklist, records, before)
    pair = pair if interactions else None
    found, _ = survey(loader, planner)
    together = {**before, **({pair: looks + 1} if pair else {})}
    limits = replace(found, together=together)
    seeds = range(config.seed, config.seed + config.seeds)
    known = _known(planner, records)
    if pair is not None:
        reported = _known(planner, [record for record in records if record.look <= looks])
        runs = separating_runs(planner.checklist, reported, pair, limits)
    else:
        runs = config.runs or usual_runs(planner.checklist, len(seeds), limits)
        runs = max(runs, len(known)) if before else runs  # those that tell a pair apart came on top
    trials = make_screen(
        planner.checklist, runs, seeds=seeds, known=known, limits=limits, pair=pair or ()
    )
    return planner.plan_screen(trials, limits)


def suspected(
    checklist: Checklist, records: Sequence[TrialRecord], before: Mapping[tuple[str, str], int]
) -> tuple[str, str]:
    """Return the pair of tricks that the screen's residuals point to most.

    Pairs that were told apart `before` are none. Raises `UserError` where none can be suspected.
    """
    if not is_screen(records):
        raise UserError(
            "--interactions goes on with a screen that has run, and there is none of this recipe "
            "yet; run it without first"
        )
    suspect = Screened.of(checklist, records, together=before).suspect
    if suspect is None:
        raise UserError(
            "--interactions: no pair of tricks can be suspected from these runs, which are too few "
            "or too alike; a larger screen may tell (a larger runs=)"
        )
    return suspect.tricks


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
    launcher = composed[0].hydra.launcher
    return _limits(alone, [resolve(config) for config in composed], launcher), contents


def _limits(alone: Plan, resolved: Sequence[dict[str, Any]], launcher: Mapping[str, Any]) -> Limits:
    tricks = [trial.trick or "" for trial in alone.trials]
    job = fork_server.start(
        survey_options, resolved, tricks, env={"CUDA_VISIBLE_DEVICES": ""}, threads=1
    )
    seconds = patience(launcher, LOOK_SECONDS, len(resolved))
    try:
        findings, apart = wait_for(job, seconds)
    except SilentError as silent:
        why = f"the look at them took {silent.seconds:.0f} s and was ended"
        return Limits(unseen=f"{UNSEEN}: {why} ({SETTING}=N waits N s for each)")
    except DiedError:  # a trial shows why when it trains
        return Limits(unseen=f"{UNSEEN}: the process that looked at them was killed")
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
