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
from darkmagic.sweeps.compose.plan import Plan, make_plan
from darkmagic.sweeps.compose.request import current_request
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.observer import observed_by
from darkmagic.sweeps.orchestrate.extend import further_seeds, known_records
from darkmagic.sweeps.orchestrate.follower import Orchestrator
from darkmagic.sweeps.orchestrate.progress import current_view
from darkmagic.sweeps.orchestrate.trial_state import Entry, derive_job_config
from darkmagic.sweeps.track.cards import write_cards
from darkmagic.sweeps.track.provenance import provenance
from darkmagic.sweeps.track.rules import rules_of
from darkmagic.sweeps.track.schema import CHECKLIST, LOOK, LOOKS, RULES, WORDS, run_key
from darkmagic.sweeps.track.store import default_uri
from darkmagic.sweeps.track.tracker import TrackedRun, Tracker
from darkmagic.sweeps.trial.identity import identity, recipe_identity, resolve
from darkmagic.sweeps.trial.inert import look_ahead
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
    entries = _compose(loader, master, plan)
    looking = None if request.goes_on else _look_ahead(entries)

    folder = experiment_folder(master)
    uri = default_uri(master.runtime.tracking_uri, out_folder(master))
    tracker = Tracker(uri, str(master.runtime.experiment), folder.parent / "artifacts")
    recipe = recipe_identity(entries[0].resolved, request.combination)
    if request.goes_on:
        records = known_records(uri, tracker.experiment, recipe)
        seeds_of = further_seeds(plan, records, request, rules_of(master))
        plan = make_plan(loader, master, arguments, trick_overrides, seeds_of=seeds_of)
        entries = _compose(loader, master, plan)
        looking = _look_ahead(entries)

    tags = {
        CHECKLIST: to_json(plan.checklist),
        WORDS: json.dumps(request.words),
        RULES: json.dumps(asdict(rules_of(master))),
        **provenance(),
    }
    kind = "confirmation" if request.combination else "sweep"
    parent = tracker.open_sweep(recipe, tags, kind)
    looks = int(parent.known.get(LOOKS, 0))
    if not looks:
        parent.files.append(write_cards(loader, plan.checklist, folder))
    _adopt(entries, _findings(looking))
    known = tracker.known_trials(parent.run_id)
    for entry in entries:
        params = flatten(entry.resolved)
        before = known.get(run_key(entry.tags))
        entry.look = looks + 1 if before is None else int(before.data.tags.get(LOOK, 1))
        entry.run = tracker.open_trial(known, parent, entry.label, entry.tags, params)
    parent.go_on()
    tracker.flush()

    pending = [entry for entry in entries if entry.status is Status.PENDING]
    orchestrator = Orchestrator(entries, tracker, current_view())
    try:
        if isinstance(loader, RememberingLoader):  # another launcher's composes each anew
            for entry in pending:
                loader.remember(entry.overrides, derive_job_config(entry))
        with orchestrator, observed_by(orchestrator):
            if pending:
                launcher.launch([entry.overrides for entry in pending], 0)
    except BaseException:
        parent.becomes = "KILLED"
        tracker.flush()
        raise
    parent.becomes = "FINISHED"
    return SweepOutcome(
        experiment=tracker.experiment,
        folder=folder,
        uri=uri,
        plan=plan,
        tags=tags,
        records=tuple(entry.record() for entry in entries),
        tracker=tracker,
        parent=parent,
        looks=looks,
    )


def _compose(loader: ConfigLoader, master: DictConfig, plan: Plan) -> list[Entry]:
    """Compose each trial once; its other seeds share that, and differ in one value."""
    folder = experiment_folder(master)
    with open_dict(master):
        master.hydra.sweep.dir = str(folder)
    composed: dict[str, DictConfig] = {}
    entries = []
    for trial, overrides in zip(plan.trials, plan.overrides, strict=True):
        if trial.name not in composed:
            composed[trial.name] = loader.load_sweep_config(master, list(overrides))
        job = composed[trial.name]
        job.seed = trial.seed
        resolved = resolve(job)
        trial_identity = identity(resolved)
        subdir = trial_folder_name(trial.name, trial.seed, trial_identity)
        words = (*overrides, f"hydra.sweep.dir='{folder}'", f"hydra.sweep.subdir='{subdir}'")
        entries.append(Entry(trial, words, job, resolved, trial_identity, folder / subdir))
    return entries


def _look_ahead(entries: Sequence[Entry]) -> fork_server.Job | None:
    """Start to compare the first seed's trials with their baseline, in a child on the CPU."""
    seed = entries[0].trial.seed
    if all(entry.status is not Status.PENDING for entry in entries):
        return None
    trials = [entry.resolved for entry in entries if entry.trial.seed == seed]
    return fork_server.start(look_ahead, trials, env={"CUDA_VISIBLE_DEVICES": ""}, threads=1)


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


def _adopt(entries: Sequence[Entry], findings: Sequence[tuple[str, str] | None]) -> None:
    """Let trials that need no training stand as the look ahead found, in every seed."""
    first = [e.trial.name for e in entries if e.trial.seed == entries[0].trial.seed]
    found = dict(zip(first, findings, strict=False))
    baselines = {e.trial.seed: e.identity for e in entries if e.trial.trick is None}
    for entry in entries:
        finding = found.get(entry.trial.name)
        if entry.trial.trick is not None and entry.identity == baselines[entry.trial.seed]:
            finding = ("inert", "its configuration is the baseline's")
        if finding is not None and entry.status is Status.PENDING:
            entry.status, entry.reason = Status(finding[0]), finding[1]


def flatten(node: Any, prefix: str = "") -> dict[str, str]:
    """Return a resolved configuration as MLflow's params, by dotted key."""
    if isinstance(node, dict) and node:
        parts = [flatten(child, f"{prefix}{key}.") for key, child in node.items()]
        return {key: value for part in parts for key, value in part.items()}
    return {prefix.rstrip("."): str(node)[:6000]}
