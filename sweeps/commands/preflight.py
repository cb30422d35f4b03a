"""Checks of a sweep's baseline before it trains, in a child on the device of its trials."""

from __future__ import annotations

import signal
from typing import Any

from omegaconf import DictConfig

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import Trial
from darkmagic.sweeps.commands.plan import PlannedSweep
from darkmagic.sweeps.compose.plan import Plan
from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.launch.devices import lease_here
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.answers import DiedError, SilentError, wait_for
from darkmagic.sweeps.launch.local.stall import SETTING, patience
from darkmagic.sweeps.orchestrate.hold import check_free
from darkmagic.sweeps.track.store import open_client
from darkmagic.sweeps.trial.command.look import refusal_of
from darkmagic.sweeps.trial.command.node import TRAINER, is_command
from darkmagic.sweeps.trial.command.sqlite_store import SQLITE
from darkmagic.sweeps.trial.identity import identity, resolve
from darkmagic.sweeps.trial.paths import (
    decides,
    experiment_folder,
    is_final,
    trial_folder_name,
)
from darkmagic.sweeps.trial.pretraining import without_upstream_training
from darkmagic.text import shell_line
from darkmagic.trainers.errors import own_error
from darkmagic.trainers.outputs.durable import DamagedFileError
from darkmagic.trainers.outputs.result_file import read_result
from darkmagic.trainers.preflight.finding import Finding, Level

__all__ = ["Finding", "Level", "preflight"]

BUDGET = "preflight_seconds"


def preflight(planned: PlannedSweep, *, unless_trained: bool = False) -> list[Finding]:
    """Return what the checks find in the baseline of `planned`.

    Empty, `unless_trained`, if the baseline has a result already: it was checked before that.
    """
    if unless_trained:  # the sweep that follows would end at once
        check_free(experiment_folder(planned.config))
    with hydra_session(planned.config_dirs) as hydra:
        baseline = compose(hydra.config_loader, planned.plan.overrides[0])
    if unless_trained and _is_trained(baseline, planned.plan.trials[0]):
        return []
    if is_command(baseline):
        return _check_command(resolve(baseline))
    return _check_baseline(baseline, planned.plan)


def _check_command(resolved: dict[str, Any]) -> list[Finding]:
    """Return what a dry run of the baseline's command finds."""
    words = shell_line(resolved[TRAINER]["command"])
    store = resolved[TRAINER].get("mlflow") or ""
    if store and not store.startswith(SQLITE):  # a file is the script's to make
        try:
            open_client(store)
        except UserError as error:
            advice = "every trial's metric would be looked for there: start it, or mend its URI"
            return [Finding("command", Level.STOP, str(error), advice)]
    found = refusal_of(resolved)
    if found.problem:
        advice = f"every trial would end the same way: {words}"
        return [Finding("command", Level.STOP, found.problem, advice)]
    if not found.understood:
        check = " ".join(resolved[TRAINER]["check"])
        message = f"{words} is not checked: it knows no {check}, or takes too long for it"
        advice = "name words that end it soon: trainer.check=[--epochs, '0']; [] for none"
        return [Finding("command", Level.WARNING, message, advice)]
    return [Finding("command", Level.OK, words)]


def _check_baseline(baseline: DictConfig, plan: Plan) -> list[Finding]:
    """Return what the checks find in `baseline`, the composed first trial of `plan`."""
    pretrains = any(trial.choices.get("pretrain", "none") != "none" for trial in plan.trials)
    weights = str(baseline.model.pretrained) if pretrains else ""
    launcher = baseline.hydra.launcher
    lease = lease_here(launcher)
    job = fork_server.start(
        _check, resolve(baseline), weights, env=lease.env, threads=lease.threads
    )
    try:
        findings: list[Finding] = wait_for(job, _patience(baseline))
    except SilentError as silent:
        return [_silent(silent.seconds)]
    except DiedError as died:
        return [_died(died.code)]
    return findings


def _patience(baseline: DictConfig) -> float | None:
    """Return how many seconds the checks may take: their own, after data are read as in a trial."""
    seconds = patience(baseline.hydra.launcher)
    return None if seconds is None else seconds + float(baseline.runtime[BUDGET])


def _silent(seconds: float) -> Finding:
    """Return the finding of checks that hang, as in a data set's `load`."""
    seen = f"the checks gave no answer for {seconds:.0f} s; the stacks above say where they were"
    advice = f"a trial would hang too; {SETTING}=N waits so long"
    return Finding("process", Level.STOP, seen, advice)


def _is_trained(baseline: DictConfig, trial: Trial) -> bool:
    """Whether `trial`, composed as `baseline`, has a final result."""
    resolved = resolve(baseline)
    name = trial_folder_name(trial.name, trial.seed, identity(resolved))
    try:
        result = read_result(experiment_folder(baseline) / name)
    except DamagedFileError:  # the sweep sets it aside
        return False
    return result is not None and is_final(result, decides(resolved))


def _check(resolved: dict[str, Any], weights: str) -> list[Finding]:
    """Make the checks of the trial that `resolved` configures, in the child.

    Upstream weights, which a trial trains first, are left out.
    """
    from darkmagic.sweeps.trial.run import make_recipe
    from darkmagic.trainers.preflight.run import run_preflight

    try:
        recipe = make_recipe(without_upstream_training(resolved))
    except Exception as error:  # noqa: BLE001 (a user's module may raise anything)
        return [
            Finding("recipe", Level.STOP, own_error(error), "every trial would end the same way")
        ]
    return list(run_preflight(recipe, weights=weights, budget=resolved["runtime"][BUDGET]))


def _died(code: int | None) -> Finding:
    """Return the finding of a process of the checks that ended without findings."""
    if code == -signal.SIGKILL:  # as the kernel ends what takes the last of the memory
        seen = f"the process of the checks was killed (exit code {code})"
        advice = "the usual reason is memory: lower batch_size, or take a smaller model"
        return Finding("memory", Level.STOP, seen, advice)
    how = f"ended with exit code {code}"
    if code is not None and code < 0:
        how = f"crashed ({signal.Signals(-code).name}), in a library or in code of your own"
    advice = "a trial would end the same way; darkmagic train shows where"
    return Finding("process", Level.STOP, f"the process of the checks {how}", advice)
