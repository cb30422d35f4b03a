"""A study in motion: trials are asked for when a device is free, followed, tracked and told."""

from __future__ import annotations

import json
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.core.utils import JobReturn
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, open_dict

from darkmagic.checklist.model import TUNED, Trial
from darkmagic.checklist.model_json import to_json
from darkmagic.checklist.planning.budget import Budget
from darkmagic.checklist.records import Costs, Status, TrialRecord
from darkmagic.checklist.secrets import mask_secrets
from darkmagic.sweeps.compose.caching_loader import RememberingLoader
from darkmagic.sweeps.compose.plan import Planner
from darkmagic.sweeps.launch.context import current_context, use_context
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.progress import said_if_slow
from darkmagic.sweeps.orchestrate.follower import Follower, judge_job
from darkmagic.sweeps.orchestrate.hold import hold_experiment
from darkmagic.sweeps.orchestrate.sweep import compose_trial, flatten
from darkmagic.sweeps.orchestrate.trial_state import TrialState, derive_job_config
from darkmagic.sweeps.track.provenance import provenance
from darkmagic.sweeps.track.schema import CHECKLIST, STORAGE_URL, SWEEP_OVERRIDES, run_key
from darkmagic.sweeps.track.store import default_uri
from darkmagic.sweeps.track.tracked_run import TrackedRun
from darkmagic.sweeps.track.tracker import Tracker
from darkmagic.sweeps.trial.identity import identity, recipe_identity, resolve
from darkmagic.sweeps.trial.paths import experiment_folder, out_folder
from darkmagic.sweeps.tune.known import KnownRun, known_recipes, known_runs
from darkmagic.sweeps.tune.objectives import Objective
from darkmagic.sweeps.tune.samplers import Sampler
from darkmagic.sweeps.tune.space import Space, TunedRecipe
from darkmagic.sweeps.tune.study import STORAGE, Asked, TuningStudy
from darkmagic.trainers.outputs.result_file import write_result

__all__ = ["StudyOutcome", "StudyRequest", "run_study"]

MOST_REPEATS = 100
"""Suggestions one after another of what was trained, after which nothing new is to be expected."""


@dataclass(frozen=True)
class StudyRequest:
    """What a study is asked for: `budget` for what it trains itself, `first` the recipes to try
    first with the reason for each, `overrides` the words that start it again.
    """

    space: Space
    budget: Budget
    objectives: tuple[Objective, ...]
    sampler: Sampler = Sampler.TPE
    prune: bool = True
    first: Sequence[tuple[TunedRecipe, str]] = ()
    overrides: tuple[str, ...] = ()


@dataclass(frozen=True)
class StudyOutcome:
    """A study after its budget is spent, with what it is tracked by."""

    study: TuningStudy
    request: StudyRequest
    experiment: str
    folder: Path
    uri: str
    tracker: Tracker
    parent: TrackedRun
    runs: tuple[KnownRun, ...]  # of the experiment's other sweeps
    notes: tuple[str, ...] = field(default=())


def run_study(
    loader: ConfigLoader,
    master: DictConfig,
    launcher: Launcher,
    planner: Planner,
    request: StudyRequest,
) -> StudyOutcome:
    """Train what the study suggests until its budget is spent.

    The experiment is held meanwhile: what the study has left open is of a process that is dead.
    """
    fork_server.warm_up()
    with open_dict(master):
        master.hydra.sweep.dir = str(experiment_folder(master))
    with hold_experiment(experiment_folder(master)):
        return _run_held(loader, master, launcher, planner, request)


def _run_held(
    loader: ConfigLoader,
    master: DictConfig,
    launcher: Launcher,
    planner: Planner,
    request: StudyRequest,
) -> StudyOutcome:
    progress = current_context().progress
    folder, experiment = experiment_folder(master), str(master.runtime.experiment)
    uri = default_uri(master.runtime.tracking_uri, out_folder(master))
    own = [o for o in planner.baseline_overrides if not o.startswith(("hydra.", "hydra/"))]
    baseline = resolve(loader.load_sweep_config(master, own))
    recipe = study_identity(baseline, request)
    study = TuningStudy(
        folder / STORAGE,
        f"{experiment} {recipe[:8]}",
        request.space,
        request.objectives,
        request.sampler,
        int(master.seed),
    )
    with said_if_slow(progress.note, "MLflow is slow: opening the experiment there"):
        tracker = Tracker(uri, experiment, folder.parent / "artifacts")
        parent = tracker.open_sweep(recipe, _tags(planner, study, request), "study")
        runs = known_runs(uri, experiment, request.space, baseline, but=parent.run_id)
    left = study.mend()
    added = sum(
        study.add(known.recipe, known.values, f"{known.name}, {known.seeds} seeds")
        for known in known_recipes(runs, request.objectives)
    )
    if added:
        noun = "recipe" if added == 1 else "recipes"
        progress.note(f"the study starts from {added} {noun} that the experiment has trained")
    for first, why in request.first:
        if study.enqueue(first):
            progress.note(f"first in line, {why}: {request.space.describe(first)}")
    if left:
        noun = "trial was" if len(left) == 1 else "trials were"
        progress.note(f"{len(left)} {noun} under way when a process ended, and go on")
    follower = Follower([], tracker, progress)
    driver = _Driver(loader, master, planner, request, study, tracker, parent, follower, left)
    parent.mark_running()
    try:
        with follower, use_context(replace(current_context(), observer=driver)):
            driver.launch(launcher)
    except BaseException:
        parent.next_status = "KILLED"
        if tracker.problem is None:
            tracker.flush()
        raise
    parent.next_status = "FINISHED"
    return StudyOutcome(
        study=study,
        request=request,
        experiment=experiment,
        folder=folder,
        uri=uri,
        tracker=tracker,
        parent=parent,
        runs=tuple(runs),
        notes=tuple(driver.notes),
    )


def study_identity(baseline: dict[str, Any], request: StudyRequest) -> str:
    """Return what tells one study of an experiment from another: baseline, space, objectives."""
    space = {
        trick: [[level.option, str(level.fixed), str(level.ranges)] for level in levels]
        for trick, levels in request.space.levels.items()
    }
    names = [objective.name for objective in request.objectives]
    whole = {"baseline": recipe_identity(baseline, {}), "space": space, "objectives": names}
    return identity({"study": json.dumps(whole, sort_keys=True)})


def _tags(planner: Planner, study: TuningStudy, request: StudyRequest) -> dict[str, str]:
    tags = {
        CHECKLIST: to_json(planner.checklist),
        SWEEP_OVERRIDES: json.dumps(request.overrides),
        STORAGE_URL: study.url,
        **provenance(),
    }
    return {key: mask_secrets(value) for key, value in tags.items()}


class _Driver:
    """The feed of the launcher, and the observer of its jobs: asks the study, and tells it."""

    def __init__(
        self,
        loader: ConfigLoader,
        master: DictConfig,
        planner: Planner,
        request: StudyRequest,
        study: TuningStudy,
        tracker: Tracker,
        parent: TrackedRun,
        follower: Follower,
        left: Sequence[Asked],
    ) -> None:
        self._loader, self._master, self._planner = loader, master, planner
        self._request, self._study = request, study
        self._tracker, self._parent, self._follower = tracker, parent, follower
        self._known = tracker.known_trials(parent.run_id)
        self._left = deque(left)
        self._jobs: list[tuple[Asked, TrialState]] = []
        self._running: dict[int, TrialState] = {}
        self._numbers: dict[str, list[int]] = {}  # of trials that wait for one, by its identity
        self._unneeded: dict[int, str] = {}
        self._repeats = 0
        self.notes: list[str] = []

    # The feed.

    @property
    def expected(self) -> int:
        budget = self._request.budget
        return MOST_REPEATS if budget.in_seconds else max(1, self._runs_left())

    def launch(self, launcher: Launcher) -> None:
        """Run jobs until there are no more: side by side where the launcher can be fed."""
        if hasattr(launcher, "stream"):
            launcher.stream(self)
            return
        while (overrides := self.next_job()) is not None:  # one at a time, as each is told
            launcher.launch([overrides], len(self._jobs) - 1)

    def next_job(self) -> Sequence[str] | None:
        while self._repeats < MOST_REPEATS:
            if self._left:
                asked = self._left.popleft()
            elif self._runs_left() > 0:
                asked = self._study.ask()
            else:
                return None
            state = self._compose(asked)
            waiting, same = self._numbers.get(state.identity), self._told_before(asked.number)
            if waiting is not None:  # the same trial runs
                waiting.append(asked.number)
                self._repeats += 1
            elif same is not None and state.status is not Status.PENDING:
                self._study.tell(asked.number, state.result, same_as=same)
                self._repeats += 1
            else:
                self._repeats = 0
                self._track(state)
                if state.status is Status.PENDING:
                    return self._begin(asked, state)
                self._study.tell(asked.number, state.result)
        self.notes.append(
            f"the last {MOST_REPEATS} suggestions were all trained before: the space has nothing "
            "new to try"
        )
        return None

    def _told_before(self, number: int) -> int | None:
        """Return the number of an earlier trial of the same recipe, if there is one."""
        params = self._study.trials[number].params
        same = (t.number for t in self._study.trials if t.number != number and t.params == params)
        return next(same, None)

    def _runs_left(self) -> int:
        records = [
            TrialRecord(
                TUNED,
                str(trial.number),
                "",
                0,
                Status.FINISHED,
                costs=Costs(wall_seconds=trial.user_attrs.get("wall_seconds")),
            )
            for trial in self._study.ran
        ]
        return self._request.budget.left(records) - len(self._numbers)

    def unneeded(self, index: int) -> str | None:
        return None

    def _compose(self, asked: Asked) -> TrialState:
        """Return the state of the trial, by its folder."""
        seed = int(self._master.seed)
        trial = Trial(TUNED, f"{asked.number:03d}", "", seed, asked.recipe.choices)
        overrides = self._planner.tuned_overrides(trial, asked.recipe.overrides)
        progress = current_context().progress
        return compose_trial(
            self._loader, self._master, trial, overrides, {}, progress, self._numbers
        )

    def _begin(self, asked: Asked, state: TrialState) -> Sequence[str]:
        """Return the overrides of a trial that is to be trained."""
        self._numbers[state.identity] = [asked.number]
        self._jobs.append((asked, state))
        if isinstance(self._loader, RememberingLoader):
            self._loader.remember(state.overrides, derive_job_config(state))
        return state.overrides

    def _track(self, state: TrialState) -> None:
        """Open the trial's run in MLflow, and follow it."""
        before = self._known.get(run_key(state.tags))
        if before is not None:
            state.load_run(before.data.tags, before.data.metrics)
        params = flatten(state.resolved)
        state.run = self._tracker.open_trial(
            self._known, self._parent, state.run_name, state.tags, params
        )
        self._follower.follow(state)

    # The observer, in the launcher's thread as the feed is.

    def note(self, message: str) -> None:
        self._follower.note(message)

    def launching(self, jobs: Sequence[tuple[Path, DictConfig]]) -> None:
        self._follower.launching(jobs)

    def added(self, directory: Path, config: DictConfig) -> None:
        self._follower.added(directory, config)

    def started(self, index: int) -> None:
        self._follower.started(index)

    def ended(self, index: int, job: JobReturn, exit_code: int | None) -> None:
        _, state = self._jobs[index]
        reason = self._unneeded.get(index)
        if reason is not None:
            write_result(state.directory, {"status": Status.PRUNED, "reason": reason})
        result = judge_job(state.directory, job, exit_code)
        first, *others = self._numbers.pop(state.identity)
        self._study.tell(first, result)
        for number in others:
            self._study.tell(number, result, same_as=first)
        self._follower.ended(index, job, exit_code)
