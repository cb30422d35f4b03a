"""What a study has found: its best recipes, the front of several objectives, and what mattered."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from darkmagic.checklist.designs.table import Screened
from darkmagic.checklist.recipes.tuned import TunedOption
from darkmagic.sweeps.tune.objectives import Objective
from darkmagic.sweeps.tune.run import StudyOutcome
from darkmagic.sweeps.tune.space.parameters import recipe_of
from darkmagic.sweeps.tune.space.recipe import TunedRecipe
from darkmagic.sweeps.tune.space.space import BASELINE_RECIPE
from darkmagic.sweeps.tune.storage.study import SEEDS, WHERE, TuningStudy
from darkmagic.text import shell_word

if TYPE_CHECKING:
    from optuna.trial import FrozenTrial

__all__ = ["StudyResult", "Tried", "importances_of", "read_study"]

MIN_TRIALS = 10
"""Fewer say nothing of importances."""
EQUAL = "Target and region quantiles select the same set of trials"
"""Of Optuna's warning that importances are equal whatever parameters do."""


@dataclass(frozen=True)
class Tried:
    """A recipe of the study that has a result: `values` are of one run, or of a sweep's seeds.

    They chose the recipe, so that those of the best are too high.
    """

    number: int
    recipe: TunedRecipe
    changes: str  # against the baseline, for a reader
    options: Mapping[str, str]  # by trick, that are not the baseline's
    parts: Mapping[str, TunedOption]  # by trick: those options, and other numbers of the same ones
    values: tuple[float, ...]
    where: str = ""  # the trial that it was before the study, if it was one
    seeds: tuple[int, ...] = ()  # of it then: no fresh ones, as they chose it

    @property
    def is_baseline(self) -> bool:
        """Whether it is the baseline, numbers and all."""
        return self.changes == BASELINE_RECIPE


@dataclass(frozen=True)
class StudyResult:
    """`best` are the recipes with a result, best first by the first objective, the metric that
    decides. `front` are those
    that no other beats in all objectives; empty of one objective. `importances` are Optuna's, by
    parameter, in [0, 1]; `average` those of a screen's model, by trick, where there was a screen.
    """

    experiment: str
    name: str
    storage: str
    objectives: tuple[Objective, ...]
    counts: Mapping[str, int]
    known: int
    best: tuple[Tried, ...]
    front: tuple[Tried, ...]
    importances: Mapping[str, float]
    average: Mapping[str, float]
    notes: tuple[str, ...]

    @property
    def winner(self) -> Tried | None:
        """The best recipe as it was seen; None without one that differs from the baseline.

        It is not known to be better than the baseline before it is confirmed with fresh seeds.
        """
        return next((tried for tried in self.best[:1] if not tried.is_baseline), None)

    @property
    def dashboard(self) -> str:
        """The command that opens the study in a browser."""
        return f"optuna-dashboard {shell_word(self.storage)}"


def read_study(outcome: StudyOutcome, screen: Screened | None = None) -> StudyResult:
    """Return what the study of `outcome` has found; `screen` is one of the same experiment."""
    study = outcome.study
    several = len(study.objectives) > 1
    tried = list(_tried(outcome))
    counts: dict[str, int] = {}
    for trial in study.ran:
        counts[trial.user_attrs["ran"]] = counts.get(trial.user_attrs["ran"], 0) + 1
    front = {trial.number for trial in study.optuna.best_trials} if several and tried else set()
    return StudyResult(
        experiment=outcome.experiment,
        name=study.name,
        storage=_short(study.path),
        objectives=study.objectives,
        counts=counts,
        known=sum(WHERE in trial.user_attrs for trial in study.trials),
        best=tuple(sorted(tried, key=lambda each: -study.objectives[0].gain(each.values[0]))),
        front=tuple(each for each in tried if each.number in front),
        importances=importances_of(study, len(tried)),
        average=_average(screen) if screen is not None else {},
        notes=outcome.notes,
    )


def _tried(outcome: StudyOutcome) -> Iterator[Tried]:
    """Yield the recipes with a result, each once."""
    from optuna.trial import TrialState

    study, seen = outcome.study, set()
    for trial in study.trials:
        recipe = recipe_of(study.space, trial) if trial.state is TrialState.COMPLETE else None
        if recipe is None or recipe.key in seen:
            continue
        seen.add(recipe.key)
        baseline = study.space.baseline
        yield Tried(
            trial.number,
            recipe,
            study.space.describe(recipe),
            {t: o for t, o in recipe.choices.items() if o != baseline[t]},
            study.space.parts(recipe),
            tuple(trial.values),
            str(trial.user_attrs.get(WHERE, "")),
            tuple(trial.user_attrs.get(SEEDS, ())),
        )


def importances_of(study: TuningStudy, tried: int) -> dict[str, float]:
    """Return Optuna's importance of each parameter, in [0, 1], best first; empty where `tried`
    recipes tell nothing of them.
    """
    from optuna.importance import get_param_importances

    if tried < MIN_TRIALS:
        return {}

    def loss(trial: FrozenTrial) -> float:
        return -objectives[0].gain(trial.values[0])  # what is low is good to the evaluator

    objectives = study.objectives
    several = len(objectives) > 1
    with warnings.catch_warnings():
        warnings.filterwarnings("error", EQUAL, UserWarning)
        try:
            return get_param_importances(study.optuna, target=loss if several else None)
        except UserWarning:  # nearly all trials are as good, so that nothing is told of any
            return {}


def _average(screen: Screened) -> dict[str, float]:
    """Return each trick's share of what the main effects of a screen explain."""
    import numpy as np

    fit = screen.fit
    if fit is None:
        return {}
    found: dict[str, list[float]] = {}
    for (trick, _), value, known in zip(
        fit.options, fit.coefficients[1:].tolist(), fit.estimable, strict=False
    ):
        if known:
            found.setdefault(trick, [0.0]).append(value)
    squares = {trick: float(np.var(values)) for trick, values in found.items()}
    total = sum(squares.values())
    ordered = sorted(squares.items(), key=lambda pair: -pair[1])
    return {trick: value / total for trick, value in ordered} if total else {}


def _short(path: Path) -> str:
    here = Path.cwd()
    return f"sqlite:///{path.relative_to(here) if path.is_relative_to(here) else path}"
