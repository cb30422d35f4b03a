"""The words of a command line that train the rows of a table again, as often as they were."""

from __future__ import annotations

import math

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.records import ENDED

__all__ = ["as_many_seeds", "enough_seeds", "rest", "same_rows", "same_seeds"]

ENOUGH_SEEDS = 3
"""Of which one tells a difference from luck."""


def same_rows(comparison: Comparison) -> list[str]:
    """Return what keeps a sweep to the tricks that it has rows of; nothing if these are all."""
    asked = {row.trick for row in comparison.tricks}
    names = [trick for trick in comparison.baseline_options if trick in asked]
    missing = len(names) < len(comparison.baseline_options) and not comparison.rules.race
    return [f"only=[{','.join(names)}]"] if names and missing else []


def same_seeds(comparison: Comparison) -> list[str]:
    """Return how many seeds each row was trained with; nothing where their numbers differ.

    A screen and a race choose the seeds of their rows themselves.
    """
    if comparison.screen is not None or comparison.rules.race:
        return []
    numbers = {len(row.accuracies) for row in comparison.tricks}
    return [f"seeds={number}" for number in numbers if len(numbers) == 1 and number > 1]


def rest(comparison: Comparison) -> list[str]:
    """Return what has the runs trained that were planned and have not ended, and no others.

    Where rows differ in their seeds, as after `seeds=+2 only=mixup`, these are the rows that wait.
    """
    if comparison.rules.race:
        return []
    if comparison.screen is not None:
        used = len({record.seed for record in comparison.screen.records})
        return [f"seeds={used}"] if used > 1 else []
    waiting = [row for row in comparison.tricks if _waits(row)] or [*comparison.tricks]
    planned = {row.name: sum(row.statuses.values()) for row in comparison.tricks}
    most = max((planned[row.name] for row in waiting), default=1)
    seeds = [f"seeds={most}"] if most > 1 else []
    if len(set(planned.values())) == 1:
        return [*seeds, *same_rows(comparison)]
    return [*seeds, f"only=[{','.join(row.name for row in waiting)}]"]


def _waits(row: Row) -> bool:
    return any(status not in ENDED for status in row.statuses)


def enough_seeds(comparison: Comparison) -> int:
    """Return how many seeds give error bars: as many as folds, of which each seed has one."""
    return _folds(comparison) or ENOUGH_SEEDS


def _folds(comparison: Comparison) -> int:
    overlap = comparison.rules.overlap  # 1 / (folds - 1)
    return round(1 + 1 / overlap) if overlap else 0


def as_many_seeds(comparison: Comparison) -> list[str]:
    """Return how many seeds another sweep takes that is to see as much; whole rounds of folds."""
    if comparison.screen is not None or comparison.rules.race:
        return []
    folds = _folds(comparison) or 1
    seeds = folds * math.ceil(max(comparison.seeds, 1) / folds)
    return [f"seeds={seeds}"] if seeds > 1 else []
