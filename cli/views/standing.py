"""The table of how a sweep stands."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING

from rich.console import Group, RenderableType
from rich.text import Text

from darkmagic.checklist.report.formatting import duration
from darkmagic.cli.views.blocks import plain_table

if TYPE_CHECKING:
    from darkmagic.sweeps.api import TrialStanding

__all__ = ["standing_line", "standing_table"]


def standing_table(name: str, trials: Sequence[TrialStanding]) -> RenderableType:
    """Return a row a trial, and a line that counts them."""
    table = plain_table()
    table.add_column("trial", no_wrap=True)
    for head in ("seed", "epoch"):
        table.add_column(head, justify="right", no_wrap=True)
    table.add_column("status", no_wrap=True)
    table.add_column("where, or why", overflow="fold")
    for trial in trials:
        epoch = f"{trial.epoch}/{trial.epochs}" if trial.epochs else ""
        table.add_row(trial.name, trial.seed, epoch, trial.status, Text(_where(trial)))
    return Group(table, Text(f"{name}: {standing_line(trials)}"))


def standing_line(trials: Sequence[TrialStanding]) -> str:
    """Return how many trials there are of each status."""
    counts = Counter(trial.status for trial in trials)
    parts = [f"{count} {status.replace('_', ' ')}" for status, count in counts.most_common()]
    return ", ".join(parts) if parts else "no trials"


def _where(trial: TrialStanding) -> str:
    silent = trial.seconds is not None and trial.seconds >= 60 and trial.is_open
    ago = f"last sign {duration(trial.seconds or 0)} ago" if silent else ""
    return ", ".join(part for part in (trial.where, ago, trial.reason) if part)
