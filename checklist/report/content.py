"""What the report of a sweep says."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cached_property

from darkmagic.checklist.compare.comparison import Comparison
from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.report.advice.advise import Advice, advise
from darkmagic.checklist.report.curves import Curve
from darkmagic.checklist.report.notes.table import table_notes
from darkmagic.checklist.report.published import Published, published_effects
from darkmagic.checklist.report.setup import Setup

__all__ = ["Report", "Sort"]


class Sort(StrEnum):
    """The order of rows within a section.

    >>> Sort("best"), list(Sort)
    (<Sort.BEST: 'best'>, [<Sort.BEST: 'best'>, <Sort.CHECKLIST: 'checklist'>])
    """

    BEST = "best"
    CHECKLIST = "checklist"


@dataclass(frozen=True)
class Report:
    """Everything that a report says.

    `facts` are label and value: versions, machine, commit. `overrides` are the overrides that ask
    for the sweep again; None of runs that were made elsewhere. `cards` are by trick. `reproduce`
    has the command that trains a row alone, by its name. `curves` has for each quantity, by row
    name, how it went; it is empty where no plots are wanted. `remarks` are notes on the sweep as
    a whole, which come first; an indented line of one is a command. `setup` is what the page says
    of the runs beside their results.

    >>> from darkmagic.checklist import Checklist, Status, Trick, TrialRecord, compare
    >>> mine = Checklist("mine", (Trick("mixup", "regularisation", ("off", "on")),))
    >>> runs = {None: (0.90, 0.91, 0.90), "mixup": (0.93, 0.93, 0.92)}  # accuracy by trick and seed
    >>> records = [
    ...     TrialRecord(trick, trick and "on", "", seed, Status.FINISHED, accuracy=accuracy)
    ...     for trick, accuracies in runs.items()
    ...     for seed, accuracy in enumerate(accuracies)
    ... ]
    >>> report = Report("mine", compare(mine, records), facts={"machine": "a laptop"})
    >>> [row.name for row in report.rows]
    ['baseline', 'mixup=on']
    """

    title: str
    comparison: Comparison
    facts: Mapping[str, str]
    overrides: tuple[str, ...] | None = ()
    epochs: int | None = None
    run_seconds: float | None = None
    cards: Mapping[str, str] = field(default_factory=dict)
    reproduce: Mapping[str, str] = field(default_factory=dict)
    curves: Mapping[str, Mapping[str, Curve]] = field(default_factory=dict)
    sort: Sort = Sort.BEST
    remarks: tuple[str, ...] = ()
    setup: Setup = field(default_factory=Setup)

    @cached_property
    def notes(self) -> list[str]:
        """The notes below the table."""
        ours = self.overrides is not None
        notes = table_notes(self.comparison, epochs=self.epochs, ours=ours)
        return [*self.remarks, *notes, *self._of_another_metric()]

    def _of_another_metric(self) -> Iterator[str]:
        metric = self.comparison.metric
        if not metric.is_accuracy and any(self.published(row) for row in self.rows):
            yield f"What others published is of top-1 accuracy, not of {metric.name}."

    @cached_property
    def advice(self) -> Advice:
        """What to do now."""
        return advise(self.comparison, self.overrides, self.run_seconds)

    @cached_property
    def rows(self) -> list[Row]:
        """The baseline, then the others by section in the order of `sort`."""
        baseline, *others = self.comparison.rows
        sections = list(dict.fromkeys(row.section for row in others))
        if self.sort is Sort.CHECKLIST:
            return [baseline, *sorted(others, key=lambda row: sections.index(row.section))]

        def order(row: Row) -> tuple[int, bool, float]:
            known = row.difference is not None
            gain = self.comparison.metric.gain(row.difference or 0.0)
            return sections.index(row.section), not known, -gain

        return [baseline, *sorted(others, key=order)]

    def published(self, row: Row) -> list[Published]:
        """Return what was published for the difference of `row`, with the sign that fits it."""
        if row.trick is None or self.comparison.metric.unit != "%":  # in points of accuracy
            return []
        against = self.comparison.baseline_options.get(row.trick)
        found = []
        for effect in published_effects(self.cards.get(row.trick, "")):
            if (effect.option, effect.against) == (row.option, against):
                found.append(effect)
            elif (effect.against, effect.option) == (row.option, against):
                found.append(effect.reversed())
        return found
