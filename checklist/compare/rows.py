"""A row of the comparison: one trial over its seeds."""

from __future__ import annotations

import re
import statistics
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from darkmagic.checklist.compare.claims import Claim
from darkmagic.checklist.compare.costs import Change, Ratio, cost_ratios, other_changes
from darkmagic.checklist.compare.outlook import FRONT_PROBABILITY, Outlook
from darkmagic.checklist.compare.verdicts import Verdict, failures, judge
from darkmagic.checklist.metric import ACCURACY, Metric
from darkmagic.checklist.model import show_rates, trial_name
from darkmagic.checklist.plan import Retune
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.runs.collapse import Collapse

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from darkmagic.checklist.stats.effects import Effects

__all__ = ["Interval", "Row", "Rules", "make_row"]

EDITED_IN_PART = re.compile(r"\d+ of \d+ places")


JUDGED = (
    Verdict.BETTER,
    Verdict.WORSE,
    Verdict.NO_PRACTICAL_DIFFERENCE,
    Verdict.UNDECIDED,
)
"""The verdicts that follow from a test."""


@dataclass(frozen=True)
class Rules:
    """What is fixed before a result is seen.

    `metric` decides. `min_effect` is the smallest difference that would matter, in its unit:
    points of accuracy. A run whose accuracy (in [0, 1]) is below `floor` counts as failed;
    None stands for 1.1 times chance. In a `race`, whose rows stop where they look bad, gains
    alone are claimed. `retune` is how rates were picked for the rows that need one of their own.
    Where seeds validate on folds of one set of images, `overlap` is how many images are validated
    on for each that is trained on, 1 / (k - 1) of k folds; else 0.

    >>> Rules(min_effect=0.5).floor is None
    True
    """

    min_effect: float = 0.1
    floor: float | None = None
    race: bool = False
    metric: Metric = ACCURACY
    retune: Retune = Retune.NONE
    overlap: float = 0.0


@dataclass(frozen=True)
class Interval:
    """A 95 % confidence interval, in the unit of the metric's differences.

    >>> interval = Interval(low=-0.1, high=0.9)
    >>> interval.low < 0 < interval.high
    True
    """

    low: float
    high: float


@dataclass(frozen=True)
class Row:
    """One trial over its seeds. `accuracies` and `accuracy` are values of the metric that decides
    in its unit, accuracy in percent by default; differences are the trial's minus the baseline's.

    `p_value` is adjusted for rows and looks, and `interval` agrees with it: it holds together
    with those of all rows, `own_interval` for this row by itself. They and the difference are
    as `look` saw them; `contradicts` is an earlier look that claimed the other direction, or 0.
    `minimum_detectable` is the effect that the test would miss once in five; `image_error` is
    what another sample of images would add to the standard error; `unstable` says that its
    seeds spread far wider than the other trials', so that it is judged by its own spread alone;
    `outlook` is what it probably does, and `front` how probably no other row gains as much at no
    more time, in [0, 1]. `collapse` says how many of five runs or more fell far below the others,
    and what the others gain; None where none did. `rates` are what its rates are multiplied by,
    where they were picked for it, and `untuned` those that should have been and were not.

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
    own_interval: Interval | None
    unstable: bool
    look: int
    contradicts: int
    image_error: float | None
    ratios: Mapping[str, Ratio | None]
    pretrained_share: float | None
    training_notes: tuple[tuple[str, ...], ...] = ()  # notes on how each run trained
    edits: Mapping[str, str] = field(default_factory=dict)  # by trick: places edited, or why none
    stepping: str = ""  # how the steps of its first finished run were taken, and why
    outlook: Outlook | None = None
    front: float | None = None
    collapse: Collapse | None = None
    rates: Mapping[str, float] = field(default_factory=dict)
    untuned: tuple[str, ...] = ()
    stands_in: bool = False  # its runs are known by their mean and spread alone
    others: Mapping[Metric, Change] = field(default_factory=dict)  # that do not decide

    @property
    def name(self) -> str:
        """`baseline`, or `trick=option`."""
        return trial_name(self.trick, self.option)

    @property
    def on_pareto_front(self) -> bool:
        """Whether, with a probability of 90 %, no other row gains as much at no more time."""
        return self.front is not None and self.front >= FRONT_PROBABILITY

    @property
    def verdict_text(self) -> str:
        """The verdict in words, with counts and the kind of failure where there is one."""
        failed = failures(self.statuses)
        if self.verdict is Verdict.STOPPED:
            return f"{self.statuses[Status.STOPPED]} of {sum(self.statuses.values())} stopped"
        if failed and self.verdict in (Verdict.FAILED, Verdict.BASELINE):
            kind = self.reason.partition(":")[0]
            text = f"{failed} of {sum(self.statuses.values())} failed: {kind}"
            return text if self.verdict is Verdict.FAILED else f"baseline, {text}"
        marked = self.unstable and self.verdict in JUDGED
        marks = ["unstable"] * marked + [self.partial_edit] * bool(self.partial_edit)
        marks += show_rates(self.rates)
        marks += ["rate not retuned"] * ("lr" in self.untuned and self.verdict in JUDGED)
        return ", ".join([self.verdict.value, *marks])

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
    claim: Claim,
    rules: Rules,
    missed_errors: float | None,
    *,
    waiting: bool,
    retune: Collection[str] = (),
) -> Row:
    """Return the row of `records`, trial `index` of `effects`.

    `missed_errors` is the effect, in standard errors, that its test misses once in five. `retune`
    are the rates that it is only fairly compared at its own of.
    """
    from darkmagic.checklist.stats.image_error import image_error

    first = records[0] if records else TrialRecord(None, None, "", 0, Status.PENDING)
    statuses = Counter(record.status for record in records or [first])
    effect = claim.effect
    verdict = judge(statuses, claim, min_effect=rules.min_effect, waiting=waiting)
    own_interval = effect.interval() if effect else None
    metric = rules.metric
    accuracies = _accuracies(records, metric)
    shares = [r.pretrained_share for r in records if r.pretrained_share is not None]
    tested = claim.interval is not None and not waiting
    error = effect.error if effect else None
    return Row(
        trick=first.trick,
        option=first.option,
        section=first.section,
        verdict=Verdict.BASELINE if index == 0 else verdict,
        statuses=dict(statuses),
        reason=next((record.reason for record in records if record.reason), ""),
        accuracies=accuracies,
        accuracy=statistics.fmean(accuracies.values()) if accuracies else None,
        difference=metric.gain(effect.difference) if effect else None,
        interval=_in_unit(metric, claim.interval),
        own_interval=_in_unit(metric, own_interval),
        error=error,
        p_value=claim.p_value if tested else None,
        minimum_detectable=missed_errors * error if tested and missed_errors and error else None,
        unstable=bool(effect and effect.unstable),
        look=claim.look,
        contradicts=claim.contradicts,
        spread=effects.own_spreads.get(index),
        image_error=None  # of folds it is in the spread of seeds already
        if index == 0 or rules.overlap
        else image_error(_correct(records), _correct(baseline)),
        ratios=cost_ratios(records, baseline),
        others=other_changes(records, baseline),
        pretrained_share=statistics.fmean(shares) if shares else None,
        training_notes=tuple(record.training_notes for record in records if record.training_notes),
        edits=next((record.edits for record in records if record.edits), {}),
        stands_in=any(record.stands_in for record in records),
        stepping=next((r.stepping for r in records if r.status is Status.FINISHED), ""),
        rates=first.rates if retune or index == 0 else {},
        untuned=tuple(name for name in retune if name not in first.rates),
    )


def _in_unit(metric: Metric, gains: tuple[float, float] | None) -> Interval | None:
    """Return an interval of gains as one of differences."""
    return None if gains is None else Interval(*sorted(metric.gain(gain) for gain in gains))


def _accuracies(records: Sequence[TrialRecord], metric: Metric) -> dict[int, float]:
    return {
        record.seed: result
        for record in sorted(records, key=lambda record: record.seed)
        if (result := record.result(metric)) is not None
    }


def _correct(records: Sequence[TrialRecord]) -> dict[int, NDArray[np.bool_]]:
    return {
        record.seed: record.correct
        for record in records
        if record.status is Status.FINISHED and record.correct is not None
    }
