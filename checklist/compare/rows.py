"""A row of the comparison: one trial over its seeds."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from darkmagic.checklist.compare.costs import Ratio, cost_ratios
from darkmagic.checklist.compare.verdicts import Verdict, failures, judge, minimum_detectable_effect
from darkmagic.checklist.model import BASELINE
from darkmagic.checklist.records import Status, TrialRecord

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from darkmagic.checklist.stats.effects import Effects

__all__ = ["Interval", "Row", "Rules", "make_row"]

EDITED_IN_PART = re.compile(r"\d+ of \d+ places")


@dataclass(frozen=True)
class Rules:
    """What is fixed before a result is seen.

    `min_effect` is the smallest difference, in points, that would matter. A run whose accuracy
    (in [0, 1]) is below `floor` counts as failed; None stands for 1.1 times chance.

    >>> Rules(min_effect=0.5).floor is None
    True
    """

    min_effect: float = 0.1
    floor: float | None = None


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval, in points.

    >>> interval = Interval(low=-0.1, high=0.9)
    >>> interval.low < 0 < interval.high
    True
    """

    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One trial over its seeds. Accuracies are in percent, differences in points.

    `p_value` is adjusted for rows and looks; `minimum_detectable` is the effect that the test
    would miss once in five; `image_error` is what another sample of images would add to the
    standard error; `on_pareto_front` says that no other row gains as much at no more time.

    >>> from darkmagic.checklist import Checklist, Status, Trick, TrialRecord, compare
    >>> mine = Checklist("mine", (Trick("mixup", "regularisation", ("off", "on")),))
    >>> runs = {None: (0.90, 0.91, 0.90), "mixup": (0.93, 0.93, 0.92)}  # accuracy by trick and seed
    >>> records = [
    ...     TrialRecord(trick, trick and "on", "", seed, Status.FINISHED, accuracy=accuracy)
    ...     for trick, accuracies in runs.items()
    ...     for seed, accuracy in enumerate(accuracies)
    ... ]
    >>> row = compare(mine, records).tricks[0]
    >>> row.name, row.accuracies
    ('mixup=on', {0: 93.0, 1: 93.0, 2: 92.0})
    """

    trick: str | None
    option: str | None
    section: str
    verdict: Verdict
    statuses: Mapping[Status, int]
    reason: str
    accuracies: Mapping[int, float]  # by seed, of finished runs
    accuracy: float | None
    difference: float | None
    interval: Interval | None
    error: float | None
    p_value: float | None
    minimum_detectable: float | None
    spread: float | None
    image_error: float | None
    ratios: Mapping[str, Ratio | None]
    pretrained_share: float | None
    training_notes: tuple[tuple[str, ...], ...] = ()  # notes on how each run trained
    on_pareto_front: bool = False
    edits: Mapping[str, str] = field(default_factory=dict)  # by trick: places edited, or why none
    stepping: str = ""  # how the steps of its first finished run were taken, and why

    @property
    def name(self) -> str:
        """`baseline`, or `trick=option`."""
        return BASELINE if self.trick is None else f"{self.trick}={self.option}"

    @property
    def verdict_text(self) -> str:
        """The verdict in words, with counts and the kind of failure where there is one."""
        failed = failures(self.statuses)
        if failed and self.verdict in (Verdict.FAILED, Verdict.BASELINE):
            kind = self.reason.partition(":")[0]
            text = f"{failed} of {sum(self.statuses.values())} failed: {kind}"
            return text if self.verdict is Verdict.FAILED else f"baseline, {text}"
        return self.verdict.value + (f", {self.partial_edit}" if self.partial_edit else "")

    @property
    def partial_edit(self) -> str:
        """`3 of 4 places` where the row's trick edits some and not all; else empty."""
        edit = self.edits.get(self.trick or "", "")
        return edit if EDITED_IN_PART.fullmatch(edit) else ""


def make_row(
    records: Sequence[TrialRecord],
    baseline: Sequence[TrialRecord],
    effects: Effects,
    index: int,
    p_value: float | None,
    rules: Rules,
    level: float,
    *,
    waiting: bool,
) -> Row:
    """Return the row of `records`, trial `index` of `effects`. `level` is of its own test."""
    from darkmagic.checklist.stats.image_error import image_error

    first = records[0] if records else TrialRecord(None, None, "", 0, Status.PENDING)
    statuses = Counter(record.status for record in records or [first])
    effect = effects.by_trial.get(index)
    verdict = judge(statuses, effect, p_value, min_effect=rules.min_effect, waiting=waiting)
    interval = effect.interval() if effect else None
    accuracies = _accuracies(records)
    shares = [r.pretrained_share for r in records if r.pretrained_share is not None]
    tested = effect is not None and effect.error is not None and not waiting
    return Row(
        trick=first.trick,
        option=first.option,
        section=first.section,
        verdict=Verdict.BASELINE if index == 0 else verdict,
        statuses=dict(statuses),
        reason=next((record.reason for record in records if record.reason), ""),
        accuracies=accuracies,
        accuracy=statistics.fmean(accuracies.values()) if accuracies else None,
        difference=effect.difference if effect else None,
        interval=Interval(*interval) if interval else None,
        error=effect.error if effect else None,
        p_value=p_value if tested else None,
        minimum_detectable=minimum_detectable_effect(effect.error, effect.df, level)
        if tested and effect and effect.error is not None
        else None,
        spread=effects.own_spreads.get(index),
        image_error=None if index == 0 else image_error(_correct(records), _correct(baseline)),
        ratios=cost_ratios(records, baseline),
        pretrained_share=statistics.fmean(shares) if shares else None,
        training_notes=tuple(record.training_notes for record in records if record.training_notes),
        edits=next((record.edits for record in records if record.edits), {}),
        stepping=next((r.stepping for r in records if r.status is Status.FINISHED), ""),
    )


def _accuracies(records: Sequence[TrialRecord]) -> dict[int, float]:
    return {
        record.seed: 100 * record.accuracy
        for record in sorted(records, key=lambda record: record.seed)
        if record.status is Status.FINISHED and record.accuracy is not None
    }


def _correct(records: Sequence[TrialRecord]) -> dict[int, NDArray[np.bool_]]:
    return {
        record.seed: record.correct
        for record in records
        if record.status is Status.FINISHED and record.correct is not None
    }
