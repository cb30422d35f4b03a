"""Rows that give the baseline's own figures: what was changed may have changed nothing."""

from __future__ import annotations

from collections.abc import Iterator

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import Row

__all__ = ["alike_notes"]

MIN_SEEDS = 2
"""Shared with the baseline, and giving different values: one that agrees may be luck."""


def alike_notes(comparison: Comparison) -> Iterator[str]:
    """Say which rows have exactly the baseline's value under each seed that both have.

    Trials of our own loop are looked at before they train (they are inert), and their accuracies
    are shares of few images, which agree by chance. Nothing is said of how long a run took.
    """
    metric = comparison.metric
    if metric.is_accuracy or metric.is_duration or comparison.screen:
        return
    alike = [row.name for row in comparison.tricks if _is_alike(row, comparison.baseline)]
    if alike:
        yield (
            f"{', '.join(alike)}: each run gave exactly what the baseline's gave under the same "
            "seed. So the change was most likely never made: its words may be ignored, be the "
            "default, or do nothing for this task."
        )


def _is_alike(row: Row, baseline: Row) -> bool:
    shared = row.accuracies.keys() & baseline.accuracies.keys()
    values = {baseline.accuracies[seed] for seed in shared}
    same = all(row.accuracies[seed] == baseline.accuracies[seed] for seed in shared)
    return same and len(values) >= MIN_SEEDS
