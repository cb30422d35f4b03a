"""A study of recipes by Optuna: `darkmagic tune`."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from darkmagic.checklist.designs.table import Screened
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import BASELINE
from darkmagic.checklist.planning.budget import Budget, parse_budget
from darkmagic.sweeps.commands.confirm import Confirmed, check_metric, confirm_recipe
from darkmagic.sweeps.commands.plan import PlannedSweep
from darkmagic.sweeps.compose.checks.declarations import target_fields
from darkmagic.sweeps.compose.overrides import check_overrides
from darkmagic.sweeps.compose.parse_overrides import field_of
from darkmagic.sweeps.compose.plan import Planner
from darkmagic.sweeps.compose.request import Request, metric_modules, split_request
from darkmagic.sweeps.compose.session import CONFIG_NAME, compose, hydra_session
from darkmagic.sweeps.launch.check import check_launcher
from darkmagic.sweeps.launch.context import SweepContext, use_context
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.progress import Progress
from darkmagic.sweeps.orchestrate.extend import find_sweep, sweep_key
from darkmagic.sweeps.orchestrate.report import make_report
from darkmagic.sweeps.orchestrate.screening.plan import survey
from darkmagic.sweeps.track.rules import read_rules
from darkmagic.sweeps.track.sinks.choose import check_track
from darkmagic.sweeps.track.snapshot import take_snapshot
from darkmagic.sweeps.track.store import open_client
from darkmagic.sweeps.trial.command.node import refuse_command
from darkmagic.sweeps.trial.task import run_trial
from darkmagic.sweeps.tune.first import predicted_best
from darkmagic.sweeps.tune.objectives import read_objectives
from darkmagic.sweeps.tune.result import StudyResult, Tried, read_study
from darkmagic.sweeps.tune.run import StudyOutcome, StudyRequest, run_study
from darkmagic.sweeps.tune.space.build import make_space
from darkmagic.sweeps.tune.suggest.samplers import read_sampler
from darkmagic.trainers.runtime.cache import forget_silence

__all__ = ["INSTEAD", "PlannedStudy", "confirm_study", "plan_study", "train_study"]

USUAL_RUNS = 40
INSTEAD = "compare its options with darkmagic checklist run, design=screen for many at once"
"""What there is for a command, whose options' numbers have no ranges of ours."""
OWN = ("runs", "budget", "hours", "sampler", "objectives", "prune")
"""Words of `tune` that are no keys of a configuration, or mean another thing there."""


@dataclass(frozen=True)
class PlannedStudy:
    """A study that is not begun: what it is asked for, and the plan of its baseline."""

    planned: PlannedSweep
    request: StudyRequest
    overrides: tuple[str, ...]  # of the recipe alone
    screen: Screened | None = None  # of the experiment, if it has one
    unseen: str = ""  # why it is not known which options cannot be had


def plan_study(overrides: Sequence[str], config_dirs: Sequence[Path] = ()) -> PlannedStudy:
    """Return the study that `overrides` ask for: runs=40 or budget=2h, only=[mixup], sampler=tpe,
    objectives=[accuracy,time], prune=false, and those of its recipe.

    Writes nothing. Starts the process that trials are forked from. Raises `UserError` for a word
    that cannot be used.
    """
    own, rest = _split(overrides)
    options = [option for folder in config_dirs for option in ("--config-dir", str(folder))]
    plain, request = split_request(rest, options)
    if request.more_seeds or request.budget:
        raise UserError("tune adds no seeds: it trains each recipe once, and the winner afresh")
    budget, prune = _budget(own), _flag("prune", own.get("prune", "true"))
    with hydra_session(config_dirs) as hydra:
        loader = hydra.config_loader
        checked = check_overrides(loader, plain)
        refuse_command(checked.config, "darkmagic tune", INSTEAD)
        decisive = str(checked.config.metric)
        objectives = read_objectives(_list(own.get("objectives", decisive)), decisive)
        sampler = read_sampler(own.get("sampler", "tpe"), len(objectives))
        fork_server.warm_up(metric_modules(plain))  # torch, while this process goes on
        forget_silence()
        check_launcher(checked.config)
        check_track(checked.config)
        if checked.config.seeds != 1:
            raise UserError(
                f"seeds={checked.config.seeds}: tune trains each recipe once, and the winner with "
                "fresh seeds (--seeds); leave it out"
            )
        planner = Planner(loader, checked.config, checked.plain, checked.tricks)
        limits, contents = survey(loader, planner)
        pinned = {field_of(override) for override in checked.tricks}
        space = make_space(
            planner.checklist,
            contents,
            limits,
            only=request.only,
            pinned=pinned,
            declared=lambda target: found.declared if (found := target_fields(target)) else {},
        )
        first = [(space.recipe(space.baseline), "the baseline")]
        key = sweep_key(checked.config, compose(loader, planner.baseline_overrides))
        parent, screen = find_sweep(key), None
        if parent is not None:
            report = make_report(take_snapshot(open_client(key.uri), parent))
            check_metric(report.comparison.metric, read_rules(checked.config).metric)
            screen = report.comparison.screen
            best = predicted_best(report.comparison, limits.apart)
            if best is not None:
                first.append((space.recipe(best), "the predicted best of the sweep before"))
        plan = planner.plan({BASELINE: planner.seeds_of[BASELINE][:1]})
    words = (*request.overrides, *(o for o in overrides if o.partition("=")[0] in OWN))
    study = StudyRequest(
        space=space,
        budget=budget,
        objectives=objectives,
        sampler=sampler,
        prune=prune,
        first=[(recipe, why) for recipe, why in first if recipe is not None],
        overrides=words,
    )
    planned = PlannedSweep(plan, Request(overrides=words), checked, tuple(config_dirs))
    return PlannedStudy(planned, study, tuple(plain), screen, limits.unseen)


def train_study(study: PlannedStudy, progress: Progress) -> StudyResult:
    """Train what the study suggests until its budget is spent, and report to `progress`.

    What it has trained is not trained again: the same study goes on where it was stopped.
    """
    checked = study.planned.checked
    if study.unseen:
        progress.note(study.unseen)
    with hydra_session(study.planned.config_dirs) as hydra:

        def instead(loader, master, launcher):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN202
            planner = Planner(loader, checked.config, checked.plain, checked.tricks)
            return run_study(loader, master, launcher, planner, study.request)

        with use_context(SweepContext(progress=progress, instead=instead)):
            outcome = hydra.multirun(CONFIG_NAME, run_trial, list(checked.plain))
    assert isinstance(outcome, StudyOutcome)
    found = read_study(outcome, study.screen)
    outcome.tracker.flush()
    return found


def confirm_study(
    study: PlannedStudy,
    tried: Tried,
    progress: Progress,
    *,
    seeds: int = 5,
    first_seed: int | None = None,
    test_set: bool = True,
) -> Confirmed:
    """Train `tried`, a recipe of the study, and the baseline with fresh seeds, and compare them.

    Its figure on the test set is the one to quote: the study's own chose the recipe.
    """
    return confirm_recipe(
        study.overrides,
        progress,
        study.planned.config_dirs,
        options=tried.options,
        fields=tried.recipe.overrides,
        parts=tried.parts,
        label=f"tune-{tried.number:03d}",
        seeds=seeds,
        used=tried.seeds,
        first_seed=first_seed,
        test_set=test_set,
    )


def _split(overrides: Sequence[str]) -> tuple[dict[str, str], list[str]]:
    own, rest = {}, []
    for override in overrides:
        key, equals, value = override.partition("=")
        if key in OWN and equals:
            own[key] = value
        else:
            rest.append(override)
    return own, rest


def _budget(own: dict[str, str]) -> Budget:
    if "hours" in own:
        raise UserError(f"hours={own['hours']}: write budget={own['hours']}h")
    if "runs" in own and "budget" in own:
        raise UserError("runs= and budget= are both a budget; give one")
    if "runs" in own:
        if not own["runs"].isdecimal() or not int(own["runs"]):
            raise UserError(f"runs={own['runs']}: give a number of runs, such as runs={USUAL_RUNS}")
        return Budget(int(own["runs"]))
    return parse_budget(own.get("budget", str(USUAL_RUNS)))


def _list(text: str) -> list[str]:
    return [part.strip(" '\"") for part in text.strip("[]").split(",")]


def _flag(name: str, text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise UserError(f"{name}={text}: write {name}=true or {name}=false")
    return text.lower() == "true"
