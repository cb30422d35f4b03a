"""The whole way from a checklist to a confirmed recipe: `darkmagic optimize`.

Each stage is a sweep, a study or a confirmation as their own commands make them, and finds what it
trained before: a way that was stopped, at whatever stage, is gone on with by walking it again.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from darkmagic.checklist.compare.confirmation import Confirmation
from darkmagic.checklist.designs.factors import Factors
from darkmagic.checklist.designs.screen import usual_runs
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.planning.budget import parse_budget
from darkmagic.checklist.records import Status
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.tuning.pace import shares_in
from darkmagic.checklist.tuning.shares import Shares, Trained, share_runs
from darkmagic.sweeps.commands.confirm import Confirmed, first_fresh_seed
from darkmagic.sweeps.commands.plan import PlannedSweep, plan
from darkmagic.sweeps.commands.sweep import sweep
from darkmagic.sweeps.commands.tuning.clock import Clock, Show, first_pace, state_file, way_of
from darkmagic.sweeps.commands.tuning.settle import Settled, settle
from darkmagic.sweeps.commands.tuning.tune import (
    INSTEAD,
    PlannedStudy,
    confirm_study,
    plan_study,
    train_study,
)
from darkmagic.sweeps.orchestrate.finish import finish
from darkmagic.sweeps.trial.command.node import refuse_command
from darkmagic.sweeps.tune.result import StudyResult, Tried

__all__ = ["Optimized", "PlannedOptimization", "Settled", "optimize", "plan_optimization"]

UNTRAINED = (Status.PENDING, Status.INERT, Status.SKIPPED, Status.NOT_APPLICABLE)
SEEDS_APART = 1000
"""Between the seeds that settle on a recipe and those that confirm it."""


@dataclass(frozen=True)
class PlannedOptimization:
    """What is to be trained: the screen, and how many runs each stage after it has. Of a budget in
    hours the `clock` says how many there are in the end.
    """

    screen: PlannedSweep
    shares: Shares
    overrides: tuple[str, ...]
    config_dirs: tuple[Path, ...]
    clock: Clock | None = None


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
    time: tuple[str, ...] = ()  # what was spent and left out, of a budget in hours

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
    """Return how `budget`, runs or hours by the clock, is spent on the recipe of `overrides`.

    `seeds` are those that confirm the winner. Writes nothing, but for a budget in hours how it is
    shared. Raises `UserError` for words that cannot be used, and for too small a budget.
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
    began = time.monotonic()
    first = plan(words, config_dirs, will_train=True)
    refuse_command(first.config, "darkmagic optimize", INSTEAD)
    limits = first.plan.limits
    effects = Factors.of(first.plan.checklist, [int(first.config.seed)], limits).effects
    usual = usual_runs(first.plan.checklist, 1, limits)
    clock = None
    if asked.in_seconds:
        clock = Clock(state_file(first), way_of(first, seeds), budget, asked.amount, began)
        pace = clock.pace or first_pace(first)

        def within() -> list[int]:
            made = shares_in(
                asked.amount, pace, effects=effects, usual=usual, seeds=seeds, budget=budget
            )
            return [made.screen, made.tune, made.repeats, made.seeds]

        shares = Shares(*clock.decide("shares", within))
    else:
        shares = share_runs(int(asked.amount), effects, usual, seeds)
    if shares.screen != len(first.plan.trials):
        first = plan([*words, f"runs={shares.screen}"], config_dirs, will_train=True)
    shares = replace(shares, screen=len(first.plan.trials))  # more where more exist
    return PlannedOptimization(first, shares, tuple(overrides), tuple(config_dirs), clock)


def optimize(planned: PlannedOptimization, show: Show) -> Optimized:
    """Train every stage that is not trained yet; `show` makes the progress of one.

    Raises `UserError` where a stage leaves nothing to go on with.
    """
    shares, clock = planned.shares, planned.clock
    watch = clock.watch if clock else lambda shown: shown()
    with watch(show) as progress:
        progress.note(f"1 of 4: a screen of {shares.screen} runs, each of which mixes options")
        outcome = sweep(planned.screen, progress)
    with show() as progress:
        report, _ = finish(outcome, progress.note)
    words = [*planned.overrides, f"runs={shares.tune}", "sampler=ridge"]
    with watch(show) as progress:
        study = plan_study(words, planned.config_dirs)
        if clock:
            study = replace(study, request=replace(study.request, budget=clock.tuning(shares)))
            progress.note(f"2 of 4: recipes where most is expected, while time is left: {clock}")
        else:
            many = f"{shares.tune} recipes, options and numbers"
            progress.note(f"2 of 4: {many}, where most is expected")
        found = train_study(study, progress)
    tuned = sum(found.counts.values())
    if not found.best:
        raise UserError(f"no recipe has a result; what went wrong: {outcome.folder}/*/log.txt")
    if clock:
        shares = replace(shares, tune=clock.decide("tuned", lambda: tuned))
        shares = clock.cut(shares)
    elif tuned > shares.tune:
        with show() as progress:
            progress.note(f"{tuned} recipes are tuned by now, by other budgets too: all count")
    fresh_seed = first_fresh_seed(report.comparison)
    settled = settle(study, found, shares, fresh_seed, lambda: watch(show))
    winner = settled[0].tried if settled else None
    confirmed = None
    if winner is not None:
        with watch(show) as progress:
            progress.note(f"4 of 4: the winner and the baseline, {shares.seeds} fresh seeds each")
            confirmed = confirm_study(
                study,
                winner,
                progress,
                seeds=shares.seeds,
                first_seed=fresh_seed + SEEDS_APART,
            )
    return Optimized(
        planned=replace(planned, shares=shares),
        report=report,
        study=found,
        planned_study=study,
        settled=settled,
        winner=winner,
        confirmed=confirmed,
        folder=outcome.folder,
        time=clock.told(planned.shares, shares) if clock else (),
    )
