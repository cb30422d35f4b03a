"""A study in motion: trials are asked for when a device is free, followed, tracked and told."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, open_dict

from darkmagic.checklist.model_json import to_json
from darkmagic.checklist.planning.budget import Allowance
from darkmagic.checklist.secrets import mask_secrets
from darkmagic.sweeps.compose.plan import Planner
from darkmagic.sweeps.launch.context import current_context, use_context
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.progress import Progress
from darkmagic.sweeps.orchestrate.follower import Follower
from darkmagic.sweeps.orchestrate.hold import hold_experiment
from darkmagic.sweeps.orchestrate.watch.mirror import Mirror
from darkmagic.sweeps.slow import OPENING, said_if_slow
from darkmagic.sweeps.track.provenance import provenance
from darkmagic.sweeps.track.schema.tags import CHECKLIST, STORAGE_URL, SWEEP_OVERRIDES
from darkmagic.sweeps.track.sinks.choose import open_sink
from darkmagic.sweeps.track.store import default_uri
from darkmagic.sweeps.track.tracked_run import TrackedRun
from darkmagic.sweeps.track.tracker import Tracker
from darkmagic.sweeps.trial.identity import identity, recipe_identity, resolve
from darkmagic.sweeps.trial.paths import experiment_folder, out_folder
from darkmagic.sweeps.tune.driver import Driver
from darkmagic.sweeps.tune.known import KnownRun, known_recipes, known_runs, make_pruner
from darkmagic.sweeps.tune.objectives import Objective
from darkmagic.sweeps.tune.pruner import Pruner
from darkmagic.sweeps.tune.space.recipe import TunedRecipe
from darkmagic.sweeps.tune.space.space import Space
from darkmagic.sweeps.tune.storage.study import STORAGE, TuningStudy
from darkmagic.sweeps.tune.suggest.samplers import Sampler

__all__ = ["StudyOutcome", "StudyRequest", "run_study"]

MOST_REPEATS = 100
"""Suggestions one after another of what was trained, after which nothing new is to be expected."""


@dataclass(frozen=True)
class StudyRequest:
    """What a study is asked for: `budget` for what it trains itself, `first` the recipes to try
    first with the reason for each, `overrides` the words that start it again.
    """

    space: Space
    budget: Allowance
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
    with said_if_slow(progress.note, OPENING):
        tracker = Tracker(uri, experiment, folder.parent / "artifacts")
        parent = tracker.open_sweep(recipe, _tags(planner, study, request), "study")
        decisive = request.objectives[0].name
        runs = known_runs(
            uri, experiment, request.space, baseline, metric=decisive, but=parent.run_id
        )
    left = study.mend()
    added = sum(
        study.add(known.recipe, known.values, known.name, known.seeds)
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
    follower = Follower([], tracker, progress, mirror=Mirror(open_sink(master, folder)))
    driver = Driver(
        loader,
        master,
        planner,
        study,
        request.budget,
        tracker,
        parent,
        follower,
        left=left,
        pruner=_pruner(request, uri, runs, tracker, parent, progress),
    )
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


def _pruner(
    request: StudyRequest,
    uri: str,
    runs: Sequence[KnownRun],
    tracker: Tracker,
    parent: TrackedRun,
    progress: Progress,
) -> Pruner | None:
    """Return what ends trials early; None, which is said, where there is no telling by when."""
    if not request.prune:
        return None
    if len(request.objectives) > 1:
        progress.note("no trial is ended early: there are several objectives to compare them by")
        return None
    own = list(tracker.known_trials(parent.run_id).values())
    pruner = make_pruner(uri, runs, own, request.objectives[0])
    if not pruner.can_prune:
        progress.note(
            "no trial is ended early: how far seeds alone are apart is not known here (a sweep "
            "with seeds=3 before tells)"
        )
        return None
    return pruner


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
