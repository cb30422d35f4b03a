"""Trials of a plan, composed: each with its configuration, its identity and its folder."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from hydra.core.config_loader import ConfigLoader
from omegaconf import DictConfig, open_dict

from darkmagic.checklist.model import SCREEN, TUNED, Trial
from darkmagic.checklist.plan import COMBINATION
from darkmagic.sweeps.compose.checks.values import check_resolved
from darkmagic.sweeps.compose.parse_overrides import is_hydra_override, quote
from darkmagic.sweeps.compose.plan import Plan
from darkmagic.sweeps.launch.context import current_context
from darkmagic.sweeps.launch.jobs.claims import is_running
from darkmagic.sweeps.launch.progress import Progress
from darkmagic.sweeps.orchestrate.mend import mend_folder
from darkmagic.sweeps.orchestrate.trial_state import TrialState
from darkmagic.sweeps.trial.command.node import TRAINER, is_command
from darkmagic.sweeps.trial.command.script import changed_script
from darkmagic.sweeps.trial.identity import identity, resolve
from darkmagic.sweeps.trial.paths import experiment_folder, same_trial, trial_folder_name

__all__ = ["compose_trial", "compose_trials"]


def compose_trials(
    loader: ConfigLoader, master: DictConfig, plan: Plan, progress: Progress
) -> list[TrialState]:
    """Compose each trial once; its other seeds share that, and differ in one value.

    What is damaged in a trial's folder is set aside before it is read.
    """
    folder = experiment_folder(master)
    with open_dict(master):
        master.hydra.sweep.dir = str(folder)
    composed: dict[str, DictConfig] = {}
    states = [
        compose_trial(loader, master, trial, overrides, composed, progress)
        for trial, overrides in zip(plan.trials, plan.overrides, strict=True)
    ]
    if is_command(master):
        words = states[0].resolved[TRAINER]["command"]
        message = changed_script(words, [state.result for state in states], folder.name)
        if message:
            progress.note(message)
    return states


def compose_trial(
    loader: ConfigLoader,
    master: DictConfig,
    trial: Trial,
    overrides: Sequence[str],
    composed: dict[str, DictConfig],
    progress: Progress,
    busy: Collection[str] = (),
) -> TrialState:
    """Return the state of a trial, in the folder that `master` names; `composed` has the
    configurations by name of a trial, and gets this one's. The folders of trials whose identity is
    in `busy`, which are written to, are left as they are; so are those that a worker elsewhere has.
    """
    folder = experiment_folder(master)
    # Hydra's own are in `master`, and its loader adds them to those of a job.
    own = tuple(o for o in overrides if not is_hydra_override(o))
    if trial.recipe_name not in composed:
        composed[trial.recipe_name] = loader.load_sweep_config(master, list(own))
    job = composed[trial.recipe_name]
    job.seed = trial.seed
    resolved = resolve(job)
    check_resolved(resolved)
    trial_identity = identity(resolved)
    command = is_command(resolved)
    subdir = trial_folder_name(trial.name, trial.seed, trial_identity, plain=command)
    mixes = trial.trick in (SCREEN, COMBINATION, TUNED)
    # The recipe may have another name elsewhere; a command's folder had one in earlier versions.
    if mixes or command or current_context().request.trials:
        subdir = same_trial(folder, trial.seed, trial_identity) or subdir
    if trial_identity not in busy and not is_running(folder, subdir):
        for message in mend_folder(folder / subdir, resolved, trial_identity):
            progress.note(message)
    own = (*own, f"hydra.sweep.dir={quote(str(folder))}", f"hydra.sweep.subdir={quote(subdir)}")
    return TrialState(trial, own, job, resolved, trial_identity, folder / subdir)
