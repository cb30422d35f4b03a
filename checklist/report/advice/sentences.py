"""Sentences on what to take, what to leave, and what is open."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.report.advice.picks import probable, winners
from darkmagic.checklist.report.formatting import expected_gain, probability
from darkmagic.checklist.report.scale import hidden_effect

__all__ = ["choices", "undecided"]

MAX_NAMES = 5


def choices(comparison: Comparison, whole: list[str]) -> Iterator[str]:
    """Yield what to take and what to leave, the proved before the probable, which is in `whole`."""
    better, worse = comparison.having(Verdict.BETTER), comparison.having(Verdict.WORSE)
    same = comparison.having(Verdict.NO_PRACTICAL_DIFFERENCE)
    if better:
        options = winners(comparison).items()
        best = [row for row in better if (row.trick, row.option) in options]
        yield f"Adopt {_list_rows(comparison, best)}: proved better here."
        if others := [row for row in better if row not in best]:  # a trick has one option
            yield f"Proved better too, by less than another: {_list_rows(comparison, others)}."
    maybe = probable(comparison)
    if maybe:
        whole.append(_probably(comparison, maybe, others=bool(better)))
        yield whole[-1]
    if worse:
        yield f"Keep the baseline's choice instead of {_list_rows(comparison, worse)}."
    if same:
        yield (
            f"Choose freely, by cost or taste: {_list_rows(comparison, same)} would change less "
            f"than {comparison.metric.given(comparison.rules.min_effect)}."
        )


def undecided(comparison: Comparison, rows: Sequence[Row], decided: Sequence[Row]) -> str:
    many = f"{len(rows)} trials are" if len(rows) > 1 else f"{rows[0].name} is"
    opening = f"{many} undecided" if decided else f"No difference is proved: {many} undecided"
    hidden = hidden_effect(rows)
    if hidden is None:
        return f"{opening}."
    smallest = comparison.metric.amount(hidden)
    return f"{opening}; an effect below {smallest} could be there and not show."


def _probably(comparison: Comparison, rows: Sequence[Row], *, others: bool) -> str:
    """Say what probably helps, what to expect of it, and how often such a pick is wrong."""
    outlooks = [row.outlook for row in rows if row.outlook is not None]
    names = [
        f"{row.name} (expect {expected_gain(row, comparison.metric)}, {probability(row)} likely "
        "to help)"
        for row, outlook in zip(rows[:MAX_NAMES], outlooks, strict=False)
    ]
    opening = "Not proved, but probably a gain" + (" too" if others else "")
    wrong = 100 * sum(1 - outlook.helps for outlook in outlooks) / len(outlooks)
    such = "such a pick" if len(rows) == 1 else "these picks"
    return (
        f"{opening}: {_join(names, len(rows))}. If a wrong choice costs you little, take "
        f"{'it' if len(rows) == 1 else 'them'}: by this estimate {such} would be no help in about "
        f"{max(wrong, 1):.0f} of 100 cases."
    )


def _list_rows(comparison: Comparison, rows: Iterable[Row]) -> str:
    ordered = sorted(rows, key=lambda row: -abs(row.difference or 0))
    shown = comparison.metric.difference
    names = [f"{row.name} ({shown(row.difference)})" for row in ordered[:MAX_NAMES]]
    return _join(names, len(ordered))


def _join(names: Sequence[str], count: int) -> str:
    """Join the first of `count` names."""
    if count > len(names):
        return ", ".join(names) + f" and {count - len(names)} more"
    return names[0] if count == 1 else ", ".join(names[:-1]) + " and " + names[-1]
