"""Estimate of the time that a plan takes: `darkmagic checklist plan --estimate`."""

from __future__ import annotations

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.commands.plan import PlannedSweep
from darkmagic.sweeps.compose.session import compose, hydra_session
from darkmagic.sweeps.launch.devices import lease_here
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.answers import answer
from darkmagic.sweeps.launch.local.stall import LONGER, patience
from darkmagic.sweeps.trial.command.node import refuse_command
from darkmagic.sweeps.trial.estimate import estimate_seconds
from darkmagic.sweeps.trial.identity import resolve

__all__ = ["estimate"]


def estimate(planned: PlannedSweep) -> list[float]:
    """Return about how many seconds each trial of the first seed takes, from measured steps.

    Raises `UserError` where one cannot be measured, or hangs (`stall_seconds`).
    """
    refuse_command(planned.config, "--estimate", "a run's time is in the report of a first sweep")
    plan = planned.plan
    first = plan.trials[0].seed
    with hydra_session(planned.config_dirs) as hydra:
        trials = [
            resolve(compose(hydra.config_loader, overrides))
            for trial, overrides in zip(plan.trials, plan.overrides, strict=True)
            if trial.seed == first
        ]
    launcher = planned.config.hydra.launcher
    lease = lease_here(launcher)
    job = fork_server.start(estimate_seconds, trials, env=lease.env, threads=lease.threads)
    seconds = patience(launcher, trials=len(trials))
    found: list[float] | str = answer(job, "measuring a few steps of each trial", seconds, LONGER)
    if isinstance(found, str):
        raise UserError(found)
    return found
