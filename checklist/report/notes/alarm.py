"""What makes all of a table worthless: nothing was trained, or nothing was learnt."""

from __future__ import annotations

from darkmagic.checklist.compare.comparison import Comparison

__all__ = ["alarm_of"]


def alarm_of(comparison: Comparison) -> str:
    """Return what makes all of the table worthless; empty if nothing does."""
    found, baseline = comparison.unlearnt, comparison.baseline
    reason = f" ({baseline.reason})" if baseline.reason else ""
    if not any(row.accuracies for row in comparison.rows):
        return f"Nothing was trained: no run has a result{reason}."
    if not baseline.accuracies and comparison.screen is None:
        return (
            f"The baseline has no result{reason}, so there is nothing to compare the tricks with: "
            "the table has no verdicts."
        )
    if comparison.tricks and not any(row.accuracies for row in comparison.tricks):
        why = next((row.reason for row in comparison.tricks if row.reason), "")
        return "No trick has a result, so there is nothing to compare" + (
            f"; the first of them: {why}." if why else "."
        )
    if found is None:
        return ""
    return (
        f"Nothing was learnt: {found.text(comparison.metric)}. The table compares nothing, "
        "and more seeds will not help: look at the data, the labels and the learning rate, or "
        "train for longer."
    )
