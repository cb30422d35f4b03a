"""The answer at the top of a report: one sentence, and three numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from darkmagic.checklist.compare.rows import JUDGED, Row
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.report.advice.picks import probable, winners
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.formatting import (
    count_of,
    expected_gain,
    interval,
    probability,
    unsure_ratio,
)
from darkmagic.checklist.report.scale import hidden_effect

__all__ = ["Answer", "Figure", "answer_of", "join_names"]

MAX_NAMES = 3
MAX_CHARACTERS = 72
"""Of the names of a sentence that has more than one."""


@dataclass(frozen=True)
class Figure:
    """A number, what it is a number of, and what else there is to know of it."""

    number: str
    label: str
    more: str = ""


@dataclass(frozen=True)
class Answer:
    """`sentence` is the answer; `figures` are three numbers, fewer where there are no more."""

    sentence: str
    figures: tuple[Figure, ...]


def answer_of(report: Report) -> Answer:
    """Return what a reader takes away in ten seconds.

    >>> from darkmagic.checklist import Checklist, Status, Trick, TrialRecord, compare
    >>> mine = Checklist("mine", (Trick("mixup", "regularisation", ("off", "on")),))
    >>> runs = {None: (0.90, 0.91, 0.90), "mixup": (0.93, 0.93, 0.92)}  # accuracy by trick and seed
    >>> records = [
    ...     TrialRecord(trick, trick and "on", "", seed, Status.FINISHED, accuracy=accuracy)
    ...     for trick, accuracies in runs.items()
    ...     for seed, accuracy in enumerate(accuracies)
    ... ]
    >>> answer = answer_of(Report("mine", compare(mine, records), facts={}))
    >>> answer.sentence
    'Adopt mixup=on: proved better here.'
    >>> answer.figures[0].number, answer.figures[1].number
    ('+2.33 points', '>99 %')
    """
    comparison = report.comparison
    figures = tuple(_figures(report))
    if report.advice.alarm:
        return Answer(report.advice.alarm, figures)
    if not comparison.look:
        waiting = count_of(comparison.waiting, "run")
        done = f"{waiting} to go, {comparison.ended} done"
        return Answer(f"Nothing is decided yet: {done}.", figures)
    return Answer(" ".join(_sentence(report)), figures)


def join_names(names: Sequence[str], most: int = MAX_NAMES) -> str:
    """Return the first `most` names in a phrase, and how many more there are.

    Long names are fewer, so that the numbers below them stay on a phone's first screen.

    >>> join_names(["a", "b", "c", "d"]), join_names(["a", "b"])
    ('a, b, c and 1 more', 'a and b')
    """
    while most > 1 and sum(map(len, names[:most])) > MAX_CHARACTERS:
        most -= 1
    if len(names) > most:
        return ", ".join(names[:most]) + f" and {len(names) - most} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), *names[-1:])))


def _sentence(report: Report) -> Iterator[str]:
    comparison = report.comparison
    best = [row.name for row in _best(report)]
    maybe = [row.name for row in probable(comparison)]
    if best:
        yield f"Adopt {join_names(best)}: proved better here."
        return
    if not any(row.verdict in JUDGED for row in comparison.tricks):
        yield "Nothing is decided: " + (
            "single runs cannot tell a trick from luck."
            if comparison.seeds == 1
            else "no change could be tested."
        )
        return
    tested = count_of(len(comparison.tricks), "change")
    if maybe:
        help_ = "helps" if len(maybe) == 1 else "help"
        yield f"Of {tested} none is proved better yet; {join_names(maybe)} probably {help_}."
    else:
        yield f"Of {tested} none is proved better: keep the recipe as it is."


def _best(report: Report) -> list[Row]:
    """Return the rows to adopt, the best option of each trick, the largest gain first."""
    comparison = report.comparison
    options = winners(comparison).items()
    rows = [row for row in comparison.tricks if (row.trick, row.option) in options]
    return sorted(rows, key=lambda row: -comparison.metric.gain(row.difference or 0.0))


def _figures(report: Report) -> Iterator[Figure]:
    comparison, metric = report.comparison, report.comparison.metric
    found = _best(report) or probable(comparison)
    if report.advice.alarm or not comparison.look:
        found = []
    if found:
        row = found[0]
        if row.verdict is Verdict.BETTER:
            label, span = f"{row.name} gains", f"95 % interval {interval(row.interval, metric)}"
            if metric.sign < 0:
                label, span = f"{metric.name} with {row.name}", f"{span}; {metric.better}"
            yield Figure(metric.amount(row.difference or 0.0, sign=True), label, span)
        else:
            amount = f"{expected_gain(row, metric)} {metric.points}".strip()
            yield Figure(amount, f"to expect of {row.name}", "not proved")
        if row.outlook is not None:
            yield Figure(probability(row), "chance that it helps", "an estimate")
        if row.ratios["time"] is not None:
            time = unsure_ratio(row.ratios["time"])
            spread = ", ± over seeds" if "±" in time else ""
            yield Figure(time, "the baseline's time a step", f"what it costs{spread}")
        return
    if comparison.baseline.accuracy is not None:
        value = f"{metric.value(comparison.baseline.accuracy)} {metric.unit}".strip()
        yield Figure(value, f"baseline's {metric.name}", _spread(report))
    hidden = hidden_effect(comparison.having(Verdict.UNDECIDED))
    if hidden is not None:
        yield Figure(
            metric.amount(hidden), "or less could be there and not show", "more seeds help"
        )
    of = "a screen" if comparison.screen else count_of(len(comparison.rows), "trial")
    yield Figure(f"{comparison.ended}", "runs with a result", f"of {of}")


def _spread(report: Report) -> str:
    spread = report.comparison.effects.spread
    if spread is None:
        return ""
    amount = report.comparison.metric.amount(spread)
    if report.comparison.screen is not None:  # of recipes that differ
        return f"runs are {amount} off what options add up to"
    return f"runs spread by {amount}"
