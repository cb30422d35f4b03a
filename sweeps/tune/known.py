"""What the experiment knows before a study: the recipes that other sweeps of it have trained."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from darkmagic.checklist.records import Status
from darkmagic.sweeps.orchestrate.trial_state import flatten
from darkmagic.sweeps.track.schema.read import result_of
from darkmagic.sweeps.track.schema.tags import (
    KIND,
    OPTION,
    PARENT,
    SEED,
    STATUS,
    TRICK,
    has_trial_tags,
)
from darkmagic.sweeps.track.store import open_client, search_runs
from darkmagic.sweeps.trial.identity import IRRELEVANT
from darkmagic.sweeps.tune.objectives import Objective
from darkmagic.sweeps.tune.pruner import Curve, Pruner, gains_of
from darkmagic.sweeps.tune.space.recipe import TunedRecipe
from darkmagic.sweeps.tune.space.space import Space

__all__ = ["KnownRecipe", "KnownRun", "known_recipes", "known_runs", "make_pruner"]

FREE = ("seed", "test_set")
"""Keys at a configuration's root that two runs of one recipe may differ in."""
JUDGING = ("confirmation", "ablation", "path")
"""Kinds of sweeps whose seeds are for verdicts alone."""


@dataclass(frozen=True)
class KnownRun:
    """A finished run of the experiment: its recipe, its seed, its result, and its MLflow run."""

    recipe: TunedRecipe
    name: str
    seed: int
    result: Mapping[str, Any]
    run_id: str


@dataclass(frozen=True)
class KnownRecipe:
    """A recipe that was trained: its values, averaged over its `seeds`, and its trial's name."""

    recipe: TunedRecipe
    name: str
    values: tuple[float, ...]
    seeds: tuple[int, ...]


def known_runs(
    uri: str,
    experiment: str,
    space: Space,
    baseline: Mapping[str, Any],
    *,
    metric: str = "accuracy",
    but: str = "",
) -> list[KnownRun]:
    """Return the finished runs of `experiment` that `space` has the recipe of, with a value of
    `metric`.

    `baseline` is the resolved configuration of the baseline, from which a run differs in tricks
    and seed alone; runs under the parent `but` are left out, and those of confirmations and
    ablations: what their seeds judge they may not choose.
    """
    client = open_client(uri)
    found = client.get_experiment_by_name(experiment)
    if found is None:
        return []
    common = _common(flatten(dict(baseline)), space)
    judging = [search_runs(client, found.experiment_id, {KIND: kind}) for kind in JUDGING]
    left_out = {but, *(parent.info.run_id for parents in judging for parent in parents)}
    runs = []
    for run in search_runs(client, found.experiment_id, {KIND: "trial", STATUS: Status.FINISHED}):
        tags, params = run.data.tags, run.data.params
        if tags.get(PARENT) in left_out or not has_trial_tags(tags):
            continue
        if _common(params, space) != common:
            continue
        recipe, result = space.read(params), result_of(tags, run.data.metrics, metric)
        if recipe is not None and result is not None:
            name = f"{tags[TRICK]}={tags[OPTION]}" if tags[TRICK] else "baseline"
            runs.append(KnownRun(recipe, name, int(tags[SEED]), result, run.info.run_id))
    return runs


def known_recipes(runs: Sequence[KnownRun], objectives: Sequence[Objective]) -> list[KnownRecipe]:
    """Return the recipes of `runs`, each with its values averaged over its seeds."""
    groups: dict[Any, list[KnownRun]] = {}
    for run in runs:
        if all(objective.of(run.result) is not None for objective in objectives):
            groups.setdefault(run.recipe.key, []).append(run)
    found = []
    for group in groups.values():
        by_seed = {run.seed: run for run in group}
        values = [
            statistics.fmean(float(o.of(run.result) or 0.0) for run in by_seed.values())
            for o in objectives
        ]
        found.append(KnownRecipe(group[0].recipe, group[0].name, tuple(values), tuple(by_seed)))
    return found


def make_pruner(
    uri: str, runs: Sequence[KnownRun], own: Sequence[Any], objective: Objective
) -> Pruner:
    """Return the pruner that knows the curves of `runs`, and of the study's `own` runs in MLflow.

    Runs of one recipe with several seeds tell how far seeds alone are apart.
    """
    client = open_client(uri)
    curves = {run.run_id: _curve(client, run.run_id, run.result, objective) for run in runs}
    groups: dict[Any, dict[int, Curve]] = {}
    for run in runs:
        groups.setdefault(run.recipe.key, {})[run.seed] = curves[run.run_id]
    for run in own:
        result = result_of(run.data.tags, run.data.metrics, objective.name)
        if result is not None and result["status"] == Status.FINISHED:
            curves[run.info.run_id] = _curve(client, run.info.run_id, result, objective)
    repeats = [list(by_seed.values()) for by_seed in groups.values() if len(by_seed) > 1]
    return Pruner(list(curves.values()), repeats, objective)


def _curve(client: Any, run_id: str, result: Mapping[str, Any], objective: Objective) -> Curve:
    values, rates = (
        {metric.step: metric.value for metric in client.get_metric_history(run_id, name)}
        for name in (objective.curve, "lr")
    )
    return Curve(int(result.get("epochs") or 0), gains_of(values, objective), rates)


def _common(flat: Mapping[str, str], space: Space) -> dict[str, str]:
    """Return what decides a result in a flat configuration, but for what `space` varies."""
    return {
        key: value
        for key, value in flat.items()
        if key.partition(".")[0] not in (*IRRELEVANT, *FREE)
        if not any(key.startswith(f"tricks.{trick}.") for trick in space.levels)
    }
