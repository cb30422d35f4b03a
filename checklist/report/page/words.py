"""How it was decided, in words for a reader without statistics."""

from __future__ import annotations

from collections.abc import Iterator

from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.formatting import count_of
from darkmagic.checklist.report.scale import hidden_effect
from darkmagic.checklist.stats.alpha_spending import ALPHA

__all__ = ["how_decided"]


def how_decided(report: Report) -> list[str]:
    """Return paragraphs; the exact statement is that of the report's notes.

    >>> from darkmagic.checklist import Checklist, compare
    >>> len(how_decided(Report("mine", compare(Checklist("mine", ()), []), facts={})))
    0
    """
    comparison = report.comparison
    if not comparison.tricks:
        return []
    return [*_compared(report), *_judged(report), *_limits(report)]


def _compared(report: Report) -> Iterator[str]:
    comparison = report.comparison
    tricks = count_of(len(comparison.tricks), "change")
    if comparison.screen is not None:
        yield (
            f"Every run mixed options of all tricks, so that each informs of all: {tricks}, each "
            "averaged over whatever else the runs had."
        )
    elif comparison.seeds > 1:
        same = "A change and the baseline start from the same seeds: chance hits both alike."
        yield (
            f"{tricks[0].upper()}{tricks[1:]} to one recipe, each alone, trained up to "
            f"{comparison.seeds} times; the unchanged recipe, the baseline, "
            f"{count_of(comparison.baseline_runs, 'time')}."
            + (f" {same}" if report.overrides is not None else "")
        )
    elif comparison.seeds:
        yield (
            f"{tricks[0].upper()}{tricks[1:]} to one recipe, each alone and trained once, and "
            f"the unchanged recipe, the baseline, {count_of(comparison.baseline_runs, 'time')}."
        )


def _judged(report: Report) -> Iterator[str]:
    comparison, metric = report.comparison, report.comparison.metric
    spread = comparison.effects.spread
    if spread is None:
        if comparison.seeds:
            yield (
                "How much results move by luck is not known from this table, so no change is "
                "called better or worse."
            )
        return
    yield (
        f"The same recipe trained again, with other random numbers, moves by about "
        f"{metric.amount(spread)}. That is luck. A change is called better or worse only where "
        "its difference is larger than luck explains; and as many changes are tried at once, of "
        "which some will look good by luck, the bar is higher than for one alone."
    )
    yield (
        "How sure is that? If none of these changes did anything and the whole table were made "
        f"again and again, at most {100 * ALPHA:.0f} in 100 such tables would call any of them "
        "better or worse. The line beside each name spans where its true effect may well lie; one "
        "that crosses zero can be a gain or a loss."
    )


def _limits(report: Report) -> Iterator[str]:
    comparison, metric = report.comparison, report.comparison.metric
    hidden = hidden_effect(comparison.having(Verdict.UNDECIDED))
    if hidden is not None:
        yield (
            "Undecided is no proof of no effect: something as large as "
            f"{metric.amount(hidden)} could be there and not show. More seeds narrow it."
        )
    if any(row.outlook for row in comparison.tricks):
        yield (
            "The chance that a change helps is an estimate: what is left of its difference when "
            "the luck that all rows share is taken off. It is for choosing, not for claiming."
        )
    if report.overrides is not None and comparison.images:
        yield (
            f"All of it was measured on {comparison.images:,} validation images that no run "
            "trained on. The test set was not touched."
        )
