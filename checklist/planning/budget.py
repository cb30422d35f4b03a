"""Budget of a race, from the word of the command line: a number of runs, or hours of training."""

from __future__ import annotations

import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.records import Status, TrialRecord

__all__ = ["MAX_RUNS", "Allowance", "Budget", "parse_budget"]

MAX_RUNS = 100_000
TRAINED = (Status.FINISHED, Status.FAILED, Status.DIVERGED, Status.STOPPED)
UNITS = {"h": 3600.0, "m": 60.0}
WRITE = "write budget=80 (runs), budget=8h or budget=30m"


class Allowance(Protocol):
    """What a study may spend: `Budget`, or a clock that other work is under as well."""

    @property
    def in_seconds(self) -> bool:
        """Whether it is a time, so that the number of runs is not known before."""

    def left(self, records: Sequence[TrialRecord]) -> int:
        """Return how many runs are left of it after `records`."""


@dataclass(frozen=True)
class Budget:
    """`amount` runs in all, or `amount` seconds of training, runs side by side added up.

    >>> parse_budget("8h")
    Budget(amount=28800.0, in_seconds=True)
    """

    amount: float
    in_seconds: bool = False

    def runs_in_all(self, records: Sequence[TrialRecord]) -> int | None:
        """Return how many runs it is for, `records` among them; None where that is not known yet.

        Of a time it is known once a run has been trained.

        >>> parse_budget("60").runs_in_all([]), parse_budget("8h").runs_in_all([])
        (60, None)
        """
        trained = [record for record in records if record.status in TRAINED]
        if not self.in_seconds:
            return int(self.amount)
        if not any(record.costs.wall_seconds for record in trained):
            return None
        return len(trained) + self.left(records)

    def left(self, records: Sequence[TrialRecord]) -> int:
        """Return how many runs are left of it after `records`.

        Of a time, as many as fit in what is left, at what a run has taken on average.
        """
        trained = [record for record in records if record.status in TRAINED]
        if not self.in_seconds:
            return max(int(self.amount) - len(trained), 0)
        seconds = [r.costs.wall_seconds for r in trained if r.costs.wall_seconds]
        if not seconds:
            return MAX_RUNS
        return max(int((self.amount - sum(seconds)) / statistics.fmean(seconds)), 0)


def parse_budget(text: str) -> Budget:
    """Return the budget that `text` means; raise `UserError` for one that cannot be read."""
    found = re.fullmatch(r"(\d{1,6}(?:\.\d{1,3})?)(h|m)|([1-9]\d{0,5})", text.strip(" '\""))
    if found is None:
        raise UserError(f"budget={text} is no budget; {WRITE}")
    if found[3]:
        return Budget(int(found[3]))
    if not float(found[1]):
        raise UserError(f"budget={text} trains nothing; {WRITE}")
    return Budget(float(found[1]) * UNITS[found[2]], in_seconds=True)
