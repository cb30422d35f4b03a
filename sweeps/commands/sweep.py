"""The sweep of a plan: its trials are trained."""

from __future__ import annotations

from darkmagic.sweeps.commands.plan import PlannedSweep
from darkmagic.sweeps.compose.session import hydra_session, root_config
from darkmagic.sweeps.launch.check import check_detach
from darkmagic.sweeps.launch.context import SweepContext, use_context
from darkmagic.sweeps.launch.progress import Progress
from darkmagic.sweeps.orchestrate.sweep import SweepOutcome
from darkmagic.sweeps.trial.task import run_trial

__all__ = ["sweep"]


def sweep(
    planned: PlannedSweep, progress: Progress, *, fail_fast: bool = False, detach: bool = False
) -> SweepOutcome:
    """Train the trials of `planned` that are not trained yet, and report to `progress`.

    Rates of rows are picked before (`retune`). With `fail_fast` the first trial that fails ends
    all others, which are trained the next time. With `detach` raises `LeftRunning` when they are
    with their workers; to sweep again follows them.
    """
    if detach:
        check_detach(planned.config)
    context = SweepContext(
        planned.request, planned.plan, progress, fail_fast=fail_fast, detach=detach
    )
    with hydra_session(planned.config_dirs) as hydra, use_context(context):
        plain = list(planned.checked.plain)
        outcome = hydra.multirun(root_config(plain), run_trial, plain)
    assert isinstance(outcome, SweepOutcome)
    return outcome
