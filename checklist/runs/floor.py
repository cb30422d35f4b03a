"""Runs that ended but learned nothing count as failed, and experiments in which none did."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

from darkmagic.checklist.metric import ACCURACY, Metric
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.runs.guessing import TIMES_CHANCE, guess_of

__all__ = ["Unlearnt", "is_below_floor", "nothing_learnt", "with_floor"]

BELOW_FLOOR = "learned nothing"
"""How the reason of a run begins that counts as failed, where others name their exception."""


@dataclass(frozen=True)
class Unlearnt:
    """An experiment none of whose runs is better than guessing, in the unit of the metric.

    `guess` is what guessing gives, of accuracy to name one class always; `luck` what is no proof
    of more on `images`, and `best` the best run.
    """

    best: float
    guess: float
    luck: float
    images: int | None

    def text(self, metric: Metric) -> str:
        """Return how good the best run is, and how good guessing."""
        images = f" on {self.images:,} images" if self.images else ""
        if metric.is_accuracy:
            luck = f", and up to {self.luck:.1f} % may be luck{images}"
            return (
                f"the best run is {self.best:.1f} % right, where always naming one class gives "
                f"{self.guess:.1f} %{luck if self.luck > self.guess else ''}"
            )
        best, guess, luck = (
            f"{metric.value(value)} {metric.unit}" for value in (self.best, self.guess, self.luck)
        )
        side = "up" if metric.sign > 0 else "down"
        return (
            f"the best run has a {metric.name} of {best}, where guessing gives {guess}, and {side} "
            f"to {luck} may be luck{images}"
        )


def nothing_learnt(records: Sequence[TrialRecord], metric: Metric = ACCURACY) -> Unlearnt | None:
    """Return why nothing was learnt in `records`; None where a run learnt, or it is not known.

    A run has learnt if it is right more often than the commonest class is there, by more than
    luck explains on so many images; or if it is better than guessing by the `metric` that decides,
    as one is that ranks rare classes well and names the commonest.
    """
    finished = [r for r in records if r.status is Status.FINISHED and r.accuracy is not None]
    if not finished:
        return None
    found = []
    for record in finished:
        guess, value = guess_of(metric, record), _value(record, metric)
        if guess is None or value is None or _learnt(record, ACCURACY) or _learnt(record, metric):
            return None
        found.append((metric.gain(value), guess, record.images))
    gain, guess, images = max(found, key=lambda each: (each[0], metric.gain(each[1].level)))
    best, level, luck = (
        metric.scale * each for each in (metric.gain(gain), guess.level, guess.luck)
    )
    return Unlearnt(best, level, luck, images)


def _value(record: TrialRecord, metric: Metric) -> float | None:
    return record.accuracy if metric.is_accuracy else record.value


def _learnt(record: TrialRecord, metric: Metric) -> bool:
    """Whether a run is better than luck by `metric`; not where that is not known."""
    guess, value = guess_of(metric, record), _value(record, metric)
    return guess is not None and value is not None and metric.gain(value) > metric.gain(guess.luck)


def with_floor(
    records: Sequence[TrialRecord], floor: float | None, metric: Metric = ACCURACY
) -> list[TrialRecord]:
    """Return `records`, those whose accuracy is below `floor` (in [0, 1]) as failed.

    None stands for 1.1 times chance, which a run may be below that has learnt by the `metric` that
    decides. Where every run of the baseline is below, nothing has learned and every record stays
    as it is; where some are, they count as failed like others.
    """

    def fails(record: TrialRecord) -> bool:
        chance = TIMES_CHANCE / record.classes if record.classes else 0.0
        if floor is None and not metric.is_accuracy and _learnt(record, metric):
            return False
        return (
            record.status is Status.FINISHED
            and record.accuracy is not None
            and record.accuracy < (chance if floor is None else floor)
        )

    baseline = [r for r in records if r.trick is None and r.status is Status.FINISHED]
    if baseline and all(fails(record) for record in baseline):
        return list(records)
    return [
        dataclasses.replace(
            record,
            status=Status.FAILED,
            reason=f"{BELOW_FLOOR}: {record.accuracy:.1%} right",
        )
        if fails(record)
        else record
        for record in records
    ]


def is_below_floor(record: TrialRecord) -> bool:
    """Whether `with_floor` made `record` one that failed."""
    return record.status is Status.FAILED and record.reason.startswith(BELOW_FLOOR)
