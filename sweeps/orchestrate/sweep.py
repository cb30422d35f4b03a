"""One sweep from end to end: compose, look ahead, track, launch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig, open_dict

from darkmagic.checklist.model_json import to_json
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.sweeps.compose.caching_loader import RememberingLoader
from darkmagic.sweeps.compose.check_values import check_resolved
from darkmagic.sweeps.compose.plan import Plan, make_plan
from darkmagic.sweeps.compose.request import current_request
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.observer import observed_by
from darkmagic.sweeps.orchestrate.extend import further_seeds, known_records
from darkmagic.sweeps.orchestrate.follower import Follower
from darkmagic.sweeps.orchestrate.progress import current_view
from darkmagic.sweeps.orchestrate.trial_state import TrialState, derive_job_config
from darkmagic.sweeps.track.cards import write_cards
from darkmagic.sweeps.track.provenance import provenance
from darkmagic.sweeps.track.rules import rules_of
from darkmagic.sweeps.track.schema import CHECKLIST, LOOK, LOOKS, RULES, SWEEP_OVERRIDES, run_key
from darkmagic.sweeps.track.store import default_uri
from darkmagic.sweeps.track.tracker import TrackedRun, Tracker
from darkmagic.sweeps.trial.identity import identity, recipe_identity, resolve
from darkmagic.sweeps.trial.inert import find_inert
from darkmagic.sweeps.trial.paths import experiment_folder, out_folder, trial_folder_name

__all__ = ["SweepOutcome", "flatten", "run_sweep"]


@dataclass(frozen=True)
class SweepOutcome:
    """What a sweep came to. `records` are of every trial of the plan, in its order."""

    experiment: str
    folder: Path
    uri: str
    plan: Plan
    tags: Mapping[str, str]  # the parent run's
    records: tuple[TrialRecord, ...]
    tracker: Tracker
    parent: TrackedRun
    looks: int  # taken before this sweep


def run_sweep(
    loader: ConfigLoader,
    master: DictConfig,
    arguments: Sequence[str],
    trick_overrides: Sequence[str],
    launcher: Launcher,
) -> SweepOutcome:
    """Train what is still to be trained of the checklist in `master`.

    The order matters: everything is composed before anything starts; the look ahead runs in
    a child while this process imports MLflow; MLflow's runs exist before the first trial.
    """
    fork_server.warm_up()
    request = current_request()
    plan = make_plan(loader, master, arguments, trick_overrides, combination=request)
    states = _compose(loader, master, plan)
    looking = None if request.extends_sweep else _find_inert(states)

    folder = experiment_folder(master)
    uri = default_uri(master.runtime.tracking_uri, out_folder(master))
    tracker = Tracker(uri, str(master.runtime.experiment), folder.parent / "artifacts")
    recipe = recipe_identity(states[0].resolved, request.combination)
    if request.extends_sweep:
        records = known_records(uri, tracker.experiment, recipe)
        seeds_of = further_seeds(plan, records, request, rules_of(master))
        plan = make_plan(loader, master, arguments, trick_overrides, seeds_of=seeds_of)
        states = _compose(loader, master, plan)
        looking = _find_inert(states)

    tags = {
        CHECKLIST: to_json(plan.checklist),
        SWEEP_OVERRIDES: json.dumps(request.words),
        RULES: json.dumps(asdict(rules_of(master))),
        **provenance(),
    }
    kind = "confirmation" if request.combination else "sweep"
    parent = tracker.open_sweep(recipe, tags, kind)
    looks = int(parent.known.get(LOOKS, 0))
    if not looks:
        parent.files.append(write_cards(loader, plan.checklist, folder))
    _adopt(states, _findings(looking))
    known = tracker.known_trials(parent.run_id)
    for state in states:
        params = flatten(state.resolved)
        before = known.get(run_key(state.tags))
        state.look = looks + 1 if before is None else int(before.data.tags.get(LOOK, 1))
        state.run = tracker.open_trial(known, parent, state.run_name, state.tags, params)
    parent.mark_running()
    tracker.flush()

    pending = [state for state in states if state.status is Status.PENDING]
    orchestrator = Follower(states, tracker, current_view())
    try:
        if isinstance(loader, RememberingLoader):  # another launcher's composes each anew
            for state in pending:
                loader.remember(state.overrides, derive_job_config(state))
        with orchestrator, observed_by(orchestrator):
            if pending:
                launcher.launch([state.overrides for state in pending], 0)
    except BaseException:
        parent.next_status = "KILLED"
        tracker.flush()
        raise
    parent.next_status = "FINISHED"
    return SweepOutcome(
        experiment=tracker.experiment,
        folder=folder,
        uri=uri,
        plan=plan,
        tags=tags,
        records=tuple(state.record() for state in states),
        tracker=tracker,
        parent=parent,
        looks=looks,
    )


def _compose(loader: ConfigLoader, master: DictConfig, plan: Plan) -> list[TrialState]:
    """Compose each trial once; its other seeds share that, and differ in one value."""
    folder = experiment_folder(master)
    with open_dict(master):
        master.hydra.sweep.dir = str(folder)
    composed: dict[str, DictConfig] = {}
    states = []
    for trial, overrides in zip(plan.trials, plan.overrides, strict=True):
        if trial.name not in composed:
            composed[trial.name] = loader.load_sweep_config(master, list(overrides))
        job = composed[trial.name]
        job.seed = trial.seed
        resolved = resolve(job)
        check_resolved(resolved)
        trial_identity = identity(resolved)
        subdir = trial_folder_name(trial.name, trial.seed, trial_identity)
        words = (*overrides, f"hydra.sweep.dir='{folder}'", f"hydra.sweep.subdir='{subdir}'")
        states.append(TrialState(trial, words, job, resolved, trial_identity, folder / subdir))
    return states


def _find_inert(states: Sequence[TrialState]) -> fork_server.Job | None:
    """Start to compare the first seed's trials with their baseline, in a child on the CPU."""
    seed = states[0].trial.seed
    if all(state.status is not Status.PENDING for state in states):
        return None
    trials = [state.resolved for state in states if state.trial.seed == seed]
    return fork_server.start(find_inert, trials, env={"CUDA_VISIBLE_DEVICES": ""}, threads=1)


def _findings(looking: fork_server.Job | None) -> list[tuple[str, str] | None]:
    """Wait for the look ahead. Should its process die, the trials themselves will show why."""
    if looking is None:
        return []
    try:
        findings: list[tuple[str, str] | None] = looking.result()
    except EOFError:
        findings = []
        current_view().note("the look ahead ended early: trials that change nothing go unseen")
    looking.stop()
    return findings


def _adopt(states: Sequence[TrialState], findings: Sequence[tuple[str, str] | None]) -> None:
    """Let trials that need no training stand as the look ahead found, in every seed."""
    first = [e.trial.name for e in states if e.trial.seed == states[0].trial.seed]
    found = dict(zip(first, findings, strict=False))
    baselines = {e.trial.seed: e.identity for e in states if e.trial.trick is None}
    for state in states:
        finding = found.get(state.trial.name)
        if state.trial.trick is not None and state.identity == baselines[state.trial.seed]:
            finding = ("inert", "its configuration is the baseline's")
        if finding is not None and state.status is Status.PENDING:
            state.status, state.reason = Status(finding[0]), finding[1]


def flatten(node: Any, prefix: str = "") -> dict[str, str]:
    """Return a resolved configuration as MLflow's params, by dotted key."""
    if isinstance(node, dict) and node:
        parts = [flatten(child, f"{prefix}{key}.") for key, child in node.items()]
        return {key: value for part in parts for key, value in part.items()}
    return {prefix.rstrip("."): str(node)[:6000]}
