"""One sweep from end to end: compose, find inert trials, track, launch."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from hydra.core.config_loader import ConfigLoader
from hydra.plugins.launcher import Launcher
from omegaconf import DictConfig

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model_json import to_json
from darkmagic.checklist.plan import Design
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.secrets import mask_secrets
from darkmagic.sweeps.compose.caching_loader import RememberingLoader
from darkmagic.sweeps.compose.command.planner import make_planner
from darkmagic.sweeps.compose.parse_overrides import is_hydra_override
from darkmagic.sweeps.compose.plan import Plan
from darkmagic.sweeps.compose.request import Request
from darkmagic.sweeps.launch.context import current_context, use_context
from darkmagic.sweeps.launch.jobs.follow import LeftRunning
from darkmagic.sweeps.launch.jobs.queue import Queue
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.progress import Progress
from darkmagic.sweeps.orchestrate.compose_trials import compose_trials
from darkmagic.sweeps.orchestrate.follower import Follower
from darkmagic.sweeps.orchestrate.hold import hold_experiment
from darkmagic.sweeps.orchestrate.look_ahead import look_findings, start_look
from darkmagic.sweeps.orchestrate.screening.limits import limits_tags
from darkmagic.sweeps.orchestrate.screening.plan import make_plan
from darkmagic.sweeps.orchestrate.trial_state import TrialState, derive_job_config, flatten
from darkmagic.sweeps.orchestrate.watch.futility import FutilityWatch
from darkmagic.sweeps.orchestrate.watch.mirror import Mirror
from darkmagic.sweeps.slow import OPENING, said_if_slow
from darkmagic.sweeps.track.cards import write_cards
from darkmagic.sweeps.track.provenance import provenance
from darkmagic.sweeps.track.rules import read_rules
from darkmagic.sweeps.track.schema.tags import (
    CHECKLIST,
    LOOK,
    LOOKS,
    RACE,
    RULES,
    SWEEP_OVERRIDES,
    run_key,
)
from darkmagic.sweeps.track.sinks.choose import open_sink
from darkmagic.sweeps.track.store import default_uri
from darkmagic.sweeps.track.tracked_run import TrackedRun
from darkmagic.sweeps.track.tracker import Tracker
from darkmagic.sweeps.trial.command.node import is_command
from darkmagic.sweeps.trial.identity import recipe_identity, resolve, retuning
from darkmagic.sweeps.trial.paths import (
    experiment_folder,
    out_folder,
)

__all__ = ["SweepOutcome", "run_sweep"]


@dataclass(frozen=True)
class SweepOutcome:
    """The results of a sweep. `records` are of every trial of the plan, in its order."""

    experiment: str
    folder: Path
    uri: str
    plan: Plan
    tags: Mapping[str, str]  # the parent run's
    records: tuple[TrialRecord, ...]
    tracker: Tracker
    parent: TrackedRun
    looks: int  # interim looks at the verdicts before this sweep
    baseline: Mapping[str, Any]  # the first trial's configuration


def run_sweep(
    loader: ConfigLoader,
    master: DictConfig,
    arguments: Sequence[str],
    trick_overrides: Sequence[str],
    launcher: Launcher,
) -> SweepOutcome:
    """Train the trials of the current context's plan that are not trained yet.

    Without a plan there, it is made of the checklist in `master`, which `arguments` compose.

    The order matters: everything is composed before anything starts; inert trials are found in
    a child while this process imports MLflow; MLflow's runs exist before the first trial.
    """
    fork_server.warm_up(torch=not is_command(master))
    plan = current_context().plan
    if plan is None:
        if retuning(master) and Design(master.design) is Design.ONE_AT_A_TIME:
            raise UserError(
                f"retune={master.retune} trains in rounds: start it with darkmagic checklist run"
            )
        plan = make_plan(loader, master, make_planner(loader, master, arguments, trick_overrides))
    with hold_experiment(experiment_folder(master)):
        return _run_held(loader, master, plan, launcher)


def _run_held(
    loader: ConfigLoader, master: DictConfig, plan: Plan, launcher: Launcher
) -> SweepOutcome:
    """Run the sweep, while no other process trains the experiment."""
    context = current_context()
    if plan.limits.unseen:
        context.progress.note(plan.limits.unseen)
    states = compose_trials(loader, master, plan, context.progress)
    look = start_look(states, master.hydra.launcher)
    folder = experiment_folder(master)
    uri = default_uri(master.runtime.tracking_uri, out_folder(master))
    tags = _sweep_tags(master, plan, context.request)
    with said_if_slow(context.progress.note, OPENING):
        tracker = Tracker(uri, str(master.runtime.experiment), folder.parent / "artifacts")
        recipe = _recipe(loader, master, plan, states, context.request)
        parent = tracker.open_sweep(recipe, tags, _kind(context.request))
    looks = int(parent.known.get(LOOKS, 0))
    if not looks:
        parent.files.append(write_cards(loader, plan.checklist, folder))
    _set_untrained(states, look_findings(look, context.progress))
    _open_runs(tracker, parent, states, context.progress, look=looks + 1)
    mirror = Mirror(open_sink(master, folder))
    follower = Follower(states, tracker, context.progress, mirror=mirror)
    try:
        watching = replace(context, observer=follower)
        if master.futility is not None:
            watching = replace(watching, hopeless=FutilityWatch(states, master.futility).hopeless)
        with follower, use_context(watching):
            _launch(launcher, loader, states)
    except LeftRunning:  # the follower has sent what there was; the run goes on
        raise
    except BaseException:
        parent.next_status = "KILLED"
        if tracker.problem is None:
            tracker.flush()
        raise
    Queue(folder).tidy()  # of trials that ended while nobody followed them
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
        baseline=states[0].resolved,
    )


def _sweep_tags(master: DictConfig, plan: Plan, request: Request) -> dict[str, str]:
    tags = {
        CHECKLIST: to_json(plan.checklist),
        SWEEP_OVERRIDES: json.dumps(request.overrides),
        RULES: json.dumps(asdict(read_rules(master))),
        **limits_tags(plan.limits),
        **provenance(),
        **({RACE: "1"} if request.budget else {}),
    }
    return {key: mask_secrets(value) for key, value in tags.items()}


def _recipe(
    loader: ConfigLoader,
    master: DictConfig,
    plan: Plan,
    states: Sequence[TrialState],
    request: Request,
) -> str:
    """Return the identity of the sweep: that of its baseline before its rate was picked."""
    baseline = states[0].resolved
    if plan.unrated and not request.trials:  # whose first is the recipe that is taken apart
        own = [o for o in plan.unrated if not is_hydra_override(o)]
        baseline = resolve(loader.load_sweep_config(master, own))
    combination = {**request.combination, **dict.fromkeys(request.fields, "")}
    return recipe_identity(baseline, combination, retuning(master))


def _kind(request: Request) -> str:
    return "confirmation" if request.confirms else request.kind


def _open_runs(
    tracker: Tracker,
    parent: TrackedRun,
    states: Sequence[TrialState],
    progress: Progress,
    *,
    look: int,
) -> None:
    """Open the run of every trial; new ones belong to the interim look `look`."""
    known = tracker.known_trials(parent.run_id)
    elsewhere = 0
    for state in states:
        before = known.get(run_key(state.tags))
        state.look = look if before is None else int(before.data.tags.get(LOOK, 1))
        if before is not None:
            elsewhere += state.load_run(before.data.tags, before.data.metrics)
        params = flatten(state.resolved)
        state.run = tracker.open_trial(known, parent, state.run_name, state.tags, params)
    if elsewhere:
        noun = "trial has its result" if elsewhere == 1 else "trials have their results"
        progress.note(
            f"{elsewhere} {noun} from MLflow alone: no folder of it is in "
            f"{states[0].directory.parent}; to train it here, give another name: -n NAME"
        )
    parent.mark_running()


def _launch(launcher: Launcher, loader: ConfigLoader, states: Sequence[TrialState]) -> None:
    pending = [state for state in states if state.status is Status.PENDING]
    if isinstance(loader, RememberingLoader):  # another launcher's composes each again
        for state in pending:
            loader.remember(state.overrides, derive_job_config(state))
    if pending:
        launcher.launch([state.overrides for state in pending], 0)


def _set_untrained(
    states: Sequence[TrialState], findings: Sequence[tuple[str, str] | None]
) -> None:
    """Set the status of trials that need no training, by `findings` of the first seed's."""
    first = [s.trial.recipe_name for s in states if s.trial.seed == states[0].trial.seed]
    found = dict(zip(first, findings, strict=False))
    baselines = {s.trial.seed: s.identity for s in states if s.trial.trick is None}
    for state in states:
        finding = found.get(state.trial.recipe_name)
        same = state.identity == baselines.get(state.trial.seed)
        if finding is None and state.trial.trick is not None and same:
            finding = ("inert", "its configuration is the baseline's")
        if finding is not None and state.status is Status.PENDING:
            state.status, state.reason = Status(finding[0]), finding[1]
