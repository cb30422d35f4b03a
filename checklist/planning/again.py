"""The words of a command line that train the rows of a table again, as often as they were."""

from __future__ import annotations

from darkmagic.checklist.compare.comparison import Comparison

__all__ = ["same_rows", "same_seeds"]


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
