"""A study of Optuna's, in a storage of its own: recipes are asked of it, and results told.

Its trials are those that this command trained, and those that the experiment had before. What a
killed process left asked and not told is trained to its end, under the same number.
"""

from __future__ import annotations

import functools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

from darkmagic.sweeps.tune.objectives import Objective
from darkmagic.sweeps.tune.space.parameters import (
    distributions_of,
    draw_from,
    parameters_of,
    recipe_of,
)
from darkmagic.sweeps.tune.space.recipe import TunedRecipe
from darkmagic.sweeps.tune.space.space import Space
from darkmagic.sweeps.tune.storage.damage import damage_named, writing_named
from darkmagic.sweeps.tune.suggest.propose import propose
from darkmagic.sweeps.tune.suggest.samplers import STARTUP, Sampler, make_sampler

if TYPE_CHECKING:
    import optuna
    from optuna.trial import FrozenTrial

__all__ = ["SEEDS", "STORAGE", "WHERE", "Asked", "TuningStudy"]

STORAGE = "optuna.db"
RAN, SECONDS, SAME_AS, WHERE, SEEDS = "ran", "wall_seconds", "same_as", "from", "seeds"
"""Attributes of a trial: the status that its training ended with, how long it took, the trial
that it repeats, and where, with which seeds, one was trained that the study did not ask for.
"""


@dataclass(frozen=True)
class Asked:
    """A recipe to be tried, and its number in the study."""

    number: int
    recipe: TunedRecipe


Method = TypeVar("Method", bound=Callable[..., Any])


def _names_its_file(method: Method) -> Method:
    """Have a method of a study raise `UserError` where its file cannot be read or written."""

    @functools.wraps(method)
    def named(self: TuningStudy, *args: Any, **kwargs: Any) -> Any:
        with writing_named(self.path):
            return method(self, *args, **kwargs)

    return cast("Method", named)


class TuningStudy:
    """The study `name` in the file `path`, which is made if there is none.

    One process has it at a time, as it holds the experiment.
    """

    def __init__(
        self,
        path: Path,
        name: str,
        space: Space,
        objectives: Sequence[Objective],
        sampler: Sampler,
        seed: int,
    ) -> None:
        import optuna

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        logging.getLogger("alembic").setLevel(logging.WARNING)
        self.path, self.name, self.space = path, name, space
        self.objectives = tuple(objectives)
        self._sampler, self._seed = sampler, seed
        path.parent.mkdir(parents=True, exist_ok=True)
        with damage_named(path):
            self._study: optuna.Study = optuna.create_study(
                storage=self.url,
                study_name=name,
                directions=[objective.direction for objective in objectives],
                load_if_exists=True,
            )
            known = self.trials
            if [trial.number for trial in known] != [*range(len(known))]:
                raise ValueError("a trial is missing in it")
        self._study.sampler = make_sampler(sampler, seed + len(known))

    @property
    def url(self) -> str:
        """The storage as Optuna and its dashboard take it."""
        return f"sqlite:///{self.path}"

    @property
    def optuna(self) -> optuna.Study:
        """Optuna's own study."""
        return self._study

    @property
    def trials(self) -> list[FrozenTrial]:
        """All trials, in the order of their numbers."""
        with writing_named(self.path):
            return self._study.get_trials(deepcopy=False)

    @_names_its_file
    def mend(self) -> list[Asked]:
        """Return the trials that a process left asked and not told: they are to be trained.

        One that was being asked has no recipe yet, and is given up; what was to be tried by it is
        put in line again. Only the holder of the experiment may do this.
        """
        from optuna.trial import TrialState

        left = []
        for trial in self.trials:
            if trial.state is not TrialState.RUNNING:
                continue
            recipe = recipe_of(self.space, trial)
            if recipe is not None:
                left.append(Asked(trial.number, recipe))
                continue
            fixed = trial.system_attrs.get("fixed_params")
            self._study.tell(trial.number, state=TrialState.FAIL)
            if fixed:
                self._study.enqueue_trial(fixed)
        return left

    @_names_its_file
    def add(
        self, recipe: TunedRecipe, values: Sequence[float], where: str, seeds: Sequence[int] = ()
    ) -> bool:
        """Add a finished trial of elsewhere, unless the study has its recipe; return whether.

        `where` is its name there, and its values are averages over `seeds`.
        """
        from optuna.trial import create_trial

        found = parameters_of(self.space, recipe)
        if found is None or found in self._known():
            return False
        params, distributions = found, distributions_of(self.space, recipe)
        if not all(
            d._contains(d.to_internal_repr(params[n]))  # noqa: SLF001 (off its steps)
            for n, d in distributions.items()
        ):
            return False
        self._study.add_trial(
            create_trial(
                values=list(values),
                params=params,
                distributions=distributions,
                user_attrs={WHERE: where, SEEDS: list(seeds)},
            )
        )
        return True

    @_names_its_file
    def enqueue(self, recipe: TunedRecipe) -> bool:
        """Have `recipe` tried before any other, unless the study has it; return whether."""
        params = parameters_of(self.space, recipe)
        if params is None or params in self._known():
            return False
        self._study.enqueue_trial(params)
        return True

    def _known(self) -> list[dict[str, Any]]:
        return [
            {**trial.params, **trial.system_attrs.get("fixed_params", {})} for trial in self.trials
        ]

    @_names_its_file
    def ask(self) -> Asked:
        """Return the recipe to try next."""
        from optuna.trial import TrialState

        states = [trial.state for trial in self.trials]
        directions = [objective.direction for objective in self.objectives]
        ended = states.count(TrialState.COMPLETE)
        if TrialState.WAITING not in states and ended >= STARTUP:
            proposed = propose(
                self._sampler, self.space, self.trials, directions, self._seed + len(states)
            )
            if proposed is not None:
                self._study.enqueue_trial(dict(proposed))
        trial = self._study.ask()
        return Asked(trial.number, draw_from(self.space, trial))

    @_names_its_file
    def tell(self, number: int, result: Mapping[str, Any], *, same_as: int | None = None) -> None:
        """Tell how the trial ended: its `result.json`, and the trial that it repeats if any."""
        import optuna
        from optuna.trial import TrialState

        frozen = self.trials[number]
        if frozen.state.is_finished():
            return
        trial = optuna.Trial(self._study, frozen._trial_id)  # noqa: SLF001 (to go on with it)
        status = str(result["status"])
        if same_as is None:
            trial.set_user_attr(RAN, status)
        else:
            trial.set_user_attr(SAME_AS, same_as)
        if result.get("reason"):
            trial.set_user_attr("reason", str(result["reason"])[:1000])
        if result.get("wall_seconds") is not None:
            trial.set_user_attr(SECONDS, float(result["wall_seconds"]))
        values = [objective.of(result) for objective in self.objectives]
        if status in ("finished", "diverged") and None not in values:
            self._study.tell(number, [value for value in values if value is not None])
        else:
            state = TrialState.PRUNED if status == "pruned" else TrialState.FAIL
            self._study.tell(number, state=state)

    def pruned(self, number: int) -> dict[str, Any] | None:
        """Return the result of the trial if it was ended early; None for any other."""
        from optuna.trial import TrialState

        trial = self.trials[number]
        if trial.state is not TrialState.PRUNED:
            return None
        return {"status": "pruned", "reason": trial.user_attrs.get("reason", "")}

    @_names_its_file
    def report(self, number: int, values: Mapping[int, float]) -> None:
        """Note the first objective of a trial that runs, by epoch, for the dashboard."""
        import optuna

        frozen = self.trials[number]
        trial = optuna.Trial(self._study, frozen._trial_id)  # noqa: SLF001 (to go on with it)
        for epoch in sorted(set(values) - set(frozen.intermediate_values)):
            trial.report(values[epoch], epoch)

    @property
    def ran(self) -> list[FrozenTrial]:
        """The trials that this study trained, to whatever end."""
        return [trial for trial in self.trials if RAN in trial.user_attrs]
