"""The sweep of a plan: `darkmagic checklist run`, in one call or after its checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from darkmagic.sweeps.commands.plan import PlannedSweep, next_round, plan
from darkmagic.sweeps.compose.session import hydra_session, root_config
from darkmagic.sweeps.launch.context import SweepContext, use_context
from darkmagic.sweeps.launch.progress import Progress
from darkmagic.sweeps.orchestrate.sweep import SweepOutcome
from darkmagic.sweeps.trial.task import run_trial

__all__ = ["run_checklist", "sweep"]


def run_checklist(
    overrides: Sequence[str], progress: Progress, config_dirs: Sequence[Path] = ()
) -> SweepOutcome:
    """Train the checklist's trials that are not trained yet, and report to `progress`.

    `overrides` are words of the command line, such as `seeds=3` or `budget=80`; `config_dirs` go
    before our configuration. A script calls this under `if __name__ == "__main__":`, as the process
    that trials are forked from imports the script. Raises `UserError` for an override that cannot
    be used, before anything starts.

    >>> from darkmagic.sweeps import SilentProgress, dry_run_overrides, load_report
    >>> mixup = "checklist.tricks=[{name: mixup, section: mine, options: ['off', 'on']}]"
    >>> with dry_run_overrides([mixup]) as overrides:
    ...     outcome = run_checklist(overrides, SilentProgress())
    ...     report = load_report(outcome.uri, outcome.experiment)
    >>> [(row.name, row.verdict.value) for row in report.rows]
    [('baseline', 'baseline'), ('mixup=on', 'not tested')]
    """
    planned: PlannedSweep | None = plan(overrides, config_dirs, will_train=True)
    while planned is not None:
        outcome = sweep(planned, progress)
        planned = next_round(planned, outcome.records)
    return outcome


def sweep(planned: PlannedSweep, progress: Progress, *, fail_fast: bool = False) -> SweepOutcome:
    """Train the trials of `planned` that are not trained yet, and report to `progress`.

    With `fail_fast` the first that fails ends all others, which are trained the next time.
    """
    context = SweepContext(planned.request, planned.plan, progress, fail_fast=fail_fast)
    with hydra_session(planned.config_dirs) as hydra, use_context(context):
        plain = list(planned.checked.plain)
        outcome = hydra.multirun(root_config(plain), run_trial, plain)
    assert isinstance(outcome, SweepOutcome)
    return outcome
