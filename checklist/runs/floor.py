"""Runs that ended but learned nothing count as failed, and experiments in which none did."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass

from darkmagic.checklist.records import Status, TrialRecord

__all__ = ["Unlearnt", "is_below_floor", "nothing_learnt", "with_floor"]

TIMES_CHANCE = 1.1
"""A network below this many times chance level has learned nothing."""
BELOW_FLOOR = "BelowFloor"
DEVIATIONS = 3.0
"""Standard errors above guessing that luck, in the best of many runs, does not give."""


@dataclass(frozen=True)
class Unlearnt:
    """An experiment none of whose runs is better than guessing. All in percent.

    `guess` is what always naming one class gets right, `luck` what is no proof of more on
    `images`, and `best` the best run.
    """

    best: float
    guess: float
    luck: float
    images: int | None


def nothing_learnt(records: Sequence[TrialRecord]) -> Unlearnt | None:
    """Return why nothing was learnt in `records`; None where a run learnt, or it is not known.

    A run has learnt if it is right more often than the commonest class is there, by more than
    luck explains on so many images.
    """
    finished = [r for r in records if r.status is Status.FINISHED and r.accuracy is not None]
    if not finished:
        return None
    found = []
    for record in finished:
        assert record.accuracy is not None
        if not record.classes:
            return None
        guess = max(1 / record.classes, record.commonest or 0.0)
        error = math.sqrt(guess * (1 - guess) / record.images) if record.images else 0.0
        margin = (TIMES_CHANCE - 1) * min(guess, 1 - guess)
        luck = guess + max(DEVIATIONS * error, margin)
        if record.accuracy > min(luck, 1 - 1e-9):
            return None
        found.append((record.accuracy, guess, luck, record.images))
    best, guess, luck, images = max(found)
    return Unlearnt(100 * best, 100 * guess, 100 * min(luck, 1.0), images)


def with_floor(records: Sequence[TrialRecord], floor: float | None) -> list[TrialRecord]:
    """Return `records`, those below `floor` (in [0, 1]) as failed.

    None stands for 1.1 times chance. Where every run of the baseline is below, nothing has
    learned and every record stays as it is; where some are, they count as failed like others.
    """

    def fails(record: TrialRecord) -> bool:
        least = (
            floor if floor is not None else TIMES_CHANCE / record.classes if record.classes else 0.0
        )
        return (
            record.status is Status.FINISHED
            and record.accuracy is not None
            and record.accuracy < least
        )

    baseline = [r for r in records if r.trick is None and r.status is Status.FINISHED]
    if baseline and all(fails(record) for record in baseline):
        return list(records)
    return [
        dataclasses.replace(
            record,
            status=Status.FAILED,
            reason=f"{BELOW_FLOOR}: it learned nothing ({record.accuracy:.1%} right)",
        )
        if fails(record)
        else record
        for record in records
    ]


def is_below_floor(record: TrialRecord) -> bool:
    """Whether `with_floor` made `record` one that failed."""
    return record.status is Status.FAILED and record.reason.startswith(BELOW_FLOOR)
