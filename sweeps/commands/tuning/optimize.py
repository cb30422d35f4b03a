"""The whole way from a checklist to a confirmed recipe: `darkmagic optimize`.

Each stage is a sweep, a study or a confirmation as their own commands make them, and finds what it
trained before: a way that was stopped, at whatever stage, is gone on with by walking it again.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from darkmagic.checklist.compare.confirmation import Confirmation
from darkmagic.checklist.designs.factors import Factors
from darkmagic.checklist.designs.screen import usual_runs
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.planning.budget import parse_budget
from darkmagic.checklist.records import Status
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.tuning.shares import CANDIDATES, Shares, Trained, share_runs
from darkmagic.sweeps.commands.confirm import Confirmed, first_fresh_seed
from darkmagic.sweeps.commands.estimate import estimate
from darkmagic.sweeps.commands.plan import PlannedSweep, plan
from darkmagic.sweeps.commands.sweep import sweep
from darkmagic.sweeps.commands.tuning.tune import (
    INSTEAD,
    PlannedStudy,
    confirm_study,
    plan_study,
    train_study,
)
from darkmagic.sweeps.launch.progress import Progress
from darkmagic.sweeps.orchestrate.finish import finish
from darkmagic.sweeps.trial.command.node import refuse_command
from darkmagic.sweeps.trial.paths import experiment_folder
from darkmagic.sweeps.tune.result import StudyResult, Tried
from darkmagic.sweeps.tune.suggest.ridge import predict_by_ridge
from darkmagic.trainers.outputs.durable import write_file

__all__ = ["Optimized", "PlannedOptimization", "Settled", "optimize", "plan_optimization"]

STATE = "optimize.json"
UNTRAINED = (Status.PENDING, Status.INERT, Status.SKIPPED, Status.NOT_APPLICABLE)
SEEDS_APART = 1000
"""Between the seeds that settle on a recipe and those that confirm it."""
Show = Callable[[], AbstractContextManager[Progress]]


@dataclass(frozen=True)
class PlannedOptimization:
    """What is to be trained: the screen, and how many runs each stage after it has."""

    screen: PlannedSweep
    shares: Shares
    overrides: tuple[str, ...]
    config_dirs: tuple[Path, ...]


@dataclass(frozen=True)
class Settled:
    """A candidate, or the baseline (None), with its fresh runs on the validation set and what the
    model of all runs `expects` of it, in the unit of the study's first objective.
    """

    tried: Tried | None
    values: tuple[float, ...]
    expects: float


@dataclass(frozen=True)
class Optimized:
    """What came of each stage. `winner` is None where the baseline is to be kept, and then there is
    no `confirmed`.
    """

    planned: PlannedOptimization
    report: Report  # of the screen
    study: StudyResult
    planned_study: PlannedStudy
    settled: tuple[Settled, ...]  # the likeliest best first, the baseline among them
    winner: Tried | None
    confirmed: Confirmed | None
    folder: Path

    @property
    def confirmation(self) -> Confirmation | None:
        """What came of the winner on the test set."""
        return self.confirmed.confirmation if self.confirmed else None

    @property
    def trained(self) -> Trained:
        """The runs that it rests on: those of a budget that was asked for before are among them."""
        screen, shares = self.report.comparison.screen, self.planned.shares
        ran = [r for r in screen.records if r.status not in UNTRAINED] if screen else []
        candidates = sum(each.tried is not None for each in self.settled)
        return Trained(
            screen=len(ran) if screen else shares.screen,
            tuned=sum(self.study.counts.values()),
            settled=(candidates + 1) * shares.repeats if candidates else 0,
            confirmed=2 * shares.seeds if self.confirmed else 0,
        )

    @property
    def proved(self) -> bool:
        """Whether the winner is better than the baseline on the test set, surely enough."""
        return self.confirmation is not None and bool(self.confirmation.recipe)


def plan_optimization(
    overrides: Sequence[str], config_dirs: Sequence[Path] = (), *, budget: str, seeds: int = 5
) -> PlannedOptimization:
    """Return how `budget`, runs or hours of training, is spent on the recipe of `overrides`.

    `seeds` are those that confirm the winner. Writes nothing, but for a budget in hours what a run
    takes here. Raises `UserError` for words that cannot be used, and for too small a budget.
    """
    if seeds < 2:
        raise UserError(f"--seeds {seeds}: one run has no error bar; give 2 or more")
    for override in overrides:
        key = override.partition("=")[0]
        if key in ("design", "runs", "seeds", "baseline_repeats", "only", "retune"):
            raise UserError(
                f"{override}: optimize plans its own runs; leave it out, and give budget="
            )
    asked = parse_budget(budget)
    words = [*overrides, "design=screen"]
    first = plan(words, config_dirs, will_train=True)
    refuse_command(first.config, "darkmagic optimize", INSTEAD)
    runs = int(asked.amount)
    if asked.in_seconds:
        runs = _runs_of(first, budget, asked.amount)
    limits = first.plan.limits
    effects = Factors.of(first.plan.checklist, [int(first.config.seed)], limits).effects
    usual = usual_runs(first.plan.checklist, 1, limits)
    shares = share_runs(runs, effects, usual, seeds)
    if shares.screen != len(first.plan.trials):
        first = plan([*words, f"runs={shares.screen}"], config_dirs, will_train=True)
    return PlannedOptimization(first, shares, tuple(overrides), tuple(config_dirs))


def _runs_of(planned: PlannedSweep, budget: str, seconds: float) -> int:
    """Return how many runs fit in a budget of time: as many as when it was first asked for."""
    file = experiment_folder(planned.config) / STATE
    try:
        return int(json.loads(file.read_text())[budget])
    except (OSError, ValueError, KeyError, TypeError):
        pass
    each = estimate(planned)
    runs = int(seconds * len(each) / sum(each))
    file.parent.mkdir(parents=True, exist_ok=True)
    write_file(file, lambda opened: opened.write(json.dumps({budget: runs}).encode()))
    return runs


def optimize(planned: PlannedOptimization, show: Show) -> Optimized:
    """Train every stage that is not trained yet; `show` makes the progress of one.

    Raises `UserError` where a stage leaves nothing to go on with.
    """
    shares = planned.shares
    with show() as progress:
        progress.note(f"1 of 4: a screen of {shares.screen} runs, each of which mixes options")
        outcome = sweep(planned.screen, progress)
    with show() as progress:
        report, _ = finish(outcome, progress.note)
    words = [*planned.overrides, f"runs={shares.tune}", "sampler=ridge"]
    study = plan_study(words, planned.config_dirs)
    with show() as progress:
        progress.note(f"2 of 4: {shares.tune} recipes, options and numbers, where most is expected")
        found = train_study(study, progress)
    if not found.best:
        raise UserError(f"no recipe has a result; what went wrong: {outcome.folder}/*/log.txt")
    fresh_seed = first_fresh_seed(report.comparison)
    settled = _settle(study, found, shares, fresh_seed, show)
    winner = settled[0].tried if settled else None
    confirmed = None
    if winner is not None:
        with show() as progress:
            progress.note(f"4 of 4: the winner and the baseline, {shares.seeds} fresh seeds each")
            confirmed = confirm_study(
                study,
                winner,
                progress,
                seeds=shares.seeds,
                first_seed=fresh_seed + SEEDS_APART,
            )
    return Optimized(
        planned=planned,
        report=report,
        study=found,
        planned_study=study,
        settled=settled,
        winner=winner,
        confirmed=confirmed,
        folder=outcome.folder,
    )


def _settle(
    study: PlannedStudy, found: StudyResult, shares: Shares, first_seed: int, show: Show
) -> tuple[Settled, ...]:
    """Train the likeliest recipes anew, and return them and the baseline, best first after that."""
    space = study.request.space
    objective = found.objectives[0]
    seen = [(tried.recipe, objective.gain(tried.values[0])) for tried in found.best]
    others = [tried for tried in found.best if not tried.is_baseline]
    expected = predict_by_ridge(space, seen, [tried.recipe for tried in others])
    ordered = sorted(zip(expected, range(len(others)), strict=True), reverse=True)
    top = [others[place] for _, place in ordered[:CANDIDATES]]
    fresh: list[tuple[float, ...]] = []
    baseline: tuple[float, ...] = ()
    for number, tried in enumerate(top, start=1):
        with show() as progress:
            if number == 1:
                progress.note(f"3 of 4: the likeliest {len(top)}, fresh seeds, on validation")
            confirmed = confirm_study(
                study,
                tried,
                progress,
                seeds=shares.repeats,
                first_seed=first_seed,
                test_set=False,
            ).confirmation
        fresh.append(tuple(confirmed.combined.values()))
        baseline = tuple(confirmed.baseline.values())
    if not top:
        return ()
    candidates: list[Tried | None] = list(top)
    recipes, runs = [tried.recipe for tried in top], list(fresh)
    plain = space.recipe(space.baseline)
    if plain is not None:
        candidates, recipes, runs = [*candidates, None], [*recipes, plain], [*runs, baseline]
    for recipe, own in zip(recipes, runs, strict=True):
        seen += [(recipe, objective.gain(value)) for value in own]
    expects = map(objective.gain, predict_by_ridge(space, seen, recipes))
    settled = [Settled(*each) for each in zip(candidates, runs, expects, strict=True)]
    return tuple(sorted(settled, key=lambda each: -objective.gain(each.expects)))
