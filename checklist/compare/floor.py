"""Runs that ended but learned nothing count as failed."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from darkmagic.checklist.records import Status, TrialRecord

__all__ = ["with_floor"]

TIMES_CHANCE = 1.1
"""A network below this many times chance level has learned nothing."""


def with_floor(records: Sequence[TrialRecord], floor: float | None) -> list[TrialRecord]:
    """Return `records`, those below `floor` (in [0, 1]) as failed.

    None stands for 1.1 times chance. Where the baseline itself is below, nothing has learned
    and every record stays as it is.
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

    if any(fails(record) for record in records if record.trick is None):
        return list(records)
    return [
        dataclasses.replace(
            record,
            status=Status.FAILED,
            reason=f"BelowFloor: it learned nothing ({record.accuracy:.1%} right)",
        )
        if fails(record)
        else record
        for record in records
    ]
