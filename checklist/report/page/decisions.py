"""Adopt, drop, undecided: each row with its effect, its chance, its cost and its one command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from darkmagic.checklist.compare.costs import TITLES
from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.report.advice.picks import probable, winners
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.formatting import interval, probability, unsure_ratio
from darkmagic.checklist.report.page.steps import (
    Step,
    adopt,
    choose,
    keep,
    look_why,
    settle,
    wait,
)
from darkmagic.checklist.report.scale import hidden_effect

__all__ = ["Decision", "Group", "Part", "further_steps", "groups_of"]

COSTLY = 0.005
"""A ratio that is further than this from 1 is a cost, or saves some."""
WORTHLESS = "Nothing was learnt: no command is worth its runs before that is mended"


@dataclass(frozen=True)
class Decision:
    """A row with what is to be done about it. `why` says what `command` is for, or, where that is
    empty, why there is none.

    `note` is what limits it: that it only probably helps, or why it has no result.
    """

    row: Row
    effect: str
    interval: str
    chance: str
    cost: str
    note: str
    why: str
    command: str


@dataclass(frozen=True)
class Part:
    """Rows of a group; what `shared` says to do is that of all of them, and is said once."""

    shared: Decision | None
    decisions: tuple[Decision, ...]


@dataclass(frozen=True)
class Group:
    """Rows of one fate; `kind` is a word for the page's style."""

    kind: str
    title: str
    caption: str
    decisions: tuple[Decision, ...]

    @property
    def parts(self) -> list[Part]:
        """The rows with steps of their own, and those of each step that several share.

        The part with the first of all rows comes first.
        """
        by_step: dict[tuple[str, str], list[Decision]] = {}
        for decision in self.decisions:
            by_step.setdefault((decision.why, decision.command), []).append(decision)
        own = tuple(found[0] for found in by_step.values() if len(found) == 1)
        alike = [Part(found[0], tuple(found)) for found in by_step.values() if len(found) > 1]
        parts = [*([Part(None, own)] if own else []), *alike]
        return sorted(parts, key=lambda part: self.decisions.index(part.decisions[0]))


def groups_of(report: Report) -> list[Group]:
    """Return the groups that have rows, what to adopt first; in each the largest gain first.

    Of what to drop the largest loss is first.
    """
    comparison = report.comparison
    small = comparison.metric.given(comparison.rules.min_effect)
    hidden = hidden_effect(comparison.having(Verdict.UNDECIDED))
    unseen = (
        "" if hidden is None else f": one below {comparison.metric.amount(hidden)} may not show"
    )
    kinds: tuple[tuple[str, str, str, tuple[Verdict, ...], Step], ...] = (
        ("better", "Adopt", "Proved better here.", (Verdict.BETTER,), adopt),
        ("worse", "Drop", "Proved worse: keep the baseline's choice.", (Verdict.WORSE,), keep),
        (
            "same",
            "Choose freely",
            f"Would change less than {small}: decide by cost or taste.",
            (Verdict.NO_PRACTICAL_DIFFERENCE,),
            choose,
        ),
        (
            "undecided",
            "Undecided",
            f"Not proved either way. That is no proof of no effect{unseen}.",
            (Verdict.UNDECIDED, Verdict.NOT_TESTED),
            settle,
        ),
        ("waiting", "Not yet", "Runs of this look have not ended.", (Verdict.NOT_YET,), wait),
    )
    named = {verdict for *_, verdicts, _ in kinds for verdict in verdicts}
    others = tuple(verdict for verdict in Verdict if verdict not in named)
    without = ("none", "No result", "Not trained to the end, or not applicable.", others, look_why)
    found = []
    for kind, title, caption, verdicts, step in (*kinds, without):
        decisions = tuple(_decisions(report, verdicts, step))
        if decisions:
            found.append(Group(kind, title, caption, decisions))
    return found


def further_steps(report: Report, groups: Iterable[Group]) -> list[tuple[str, str]]:
    """Return the steps of the report's advice that no row of `groups` has for itself."""
    said = {decision.command for group in groups for decision in group.decisions}
    return [step for step in report.advice.steps if step[1] not in said]


def _decisions(report: Report, verdicts: tuple[Verdict, ...], step: Step) -> Iterator[Decision]:
    metric, maybe = report.comparison.metric, probable(report.comparison)
    rows, best = report.comparison.having(*verdicts), winners(report.comparison)
    better = [row for row in rows if row.verdict is Verdict.BETTER]
    seconds = [row for row in better if best[row.trick or ""] != row.option]
    gains = {row.name: metric.gain(row.difference or 0.0) for row in rows}
    worst_first = all(row.verdict is Verdict.WORSE for row in rows)
    order = {name: gain if worst_first else -gain for name, gain in gains.items()}
    for row in sorted(rows, key=lambda row: (row not in maybe, order[row.name])):
        why, command = (WORTHLESS, "") if report.advice.alarm else step(report, row)
        known = row.difference is not None
        yield Decision(
            row=row,
            effect=metric.amount(row.difference or 0.0, sign=True) if known else "",
            interval=interval(row.interval, metric),
            chance=probability(row),
            cost=_cost(row),
            note=_note(row, is_probable=row in maybe, is_second=row in seconds),
            why=why,
            command=command,
        )


def _note(row: Row, *, is_probable: bool, is_second: bool) -> str:
    if is_probable:
        return "probably helps"
    if is_second:
        return f"another option of {row.trick} gains more" if row.trick else "another gains more"
    if row.verdict is Verdict.NOT_YET:
        return ""
    if row.verdict in (Verdict.BETTER, Verdict.WORSE, Verdict.UNDECIDED):
        return ", ".join(row.verdict_text.split(", ")[1:])  # unstable, rate not retuned
    text, kind = row.verdict_text, row.reason.partition(":")[0]
    if not row.reason or text.endswith(row.reason):
        return text
    return f"{text.removesuffix(f': {kind}')}: {row.reason}"  # which begins with its kind


def _cost(row: Row) -> str:
    found = [(row.ratios[name], name) for name in ("time", "memory", "parameters")]
    costs = [
        f"{unsure_ratio(value)} {TITLES[name]}"
        for value, name in found
        if value is not None and (name == "time" or abs(value.value - 1) > COSTLY)
    ]
    return ", ".join(costs)
