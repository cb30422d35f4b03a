"""A whole sweep in one call: `darkmagic checklist run` without its checks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from darkmagic.sweeps.commands.plan import PlannedSweep, next_round, plan
from darkmagic.sweeps.commands.stages.retune import retune
from darkmagic.sweeps.commands.sweep import sweep
from darkmagic.sweeps.launch.progress import Progress
from darkmagic.sweeps.orchestrate.sweep import SweepOutcome

__all__ = ["run_checklist"]


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
    first = plan(overrides, config_dirs, will_train=True)
    planned: PlannedSweep | None = retune(first, progress)
    while planned is not None:
        outcome = sweep(planned, progress)
        planned = next_round(planned, outcome.records)
    return outcome
