"""The likeliest recipes of a study trained anew, so that ones that only looked best fall back."""

from __future__ import annotations

from dataclasses import dataclass

from darkmagic.checklist.tuning.shares import Shares
from darkmagic.sweeps.commands.tuning.clock import Show
from darkmagic.sweeps.commands.tuning.tune import PlannedStudy, confirm_study
from darkmagic.sweeps.tune.result import StudyResult, Tried
from darkmagic.sweeps.tune.suggest.ridge import predict_by_ridge

__all__ = ["Settled", "settle"]


@dataclass(frozen=True)
class Settled:
    """A candidate, or the baseline (None), with its fresh runs on the validation set and what the
    model of all runs `expects` of it, in the unit of the study's first objective.
    """

    tried: Tried | None
    values: tuple[float, ...]
    expects: float


def settle(
    study: PlannedStudy, found: StudyResult, shares: Shares, first_seed: int, show: Show
) -> tuple[Settled, ...]:
    """Train the likeliest recipes anew, and return them and the baseline, best first after that."""
    space = study.request.space
    objective = found.objectives[0]
    seen = [(tried.recipe, objective.gain(tried.values[0])) for tried in found.best]
    others = [tried for tried in found.best if not tried.is_baseline]
    expected = predict_by_ridge(space, seen, [tried.recipe for tried in others])
    ordered = sorted(zip(expected, range(len(others)), strict=True), reverse=True)
    top = [others[place] for _, place in ordered[: shares.candidates]]
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
