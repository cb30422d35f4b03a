"""The verdicts on a row, and the exact condition for each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from darkmagic.checklist.compare.claims import Claim
from darkmagic.checklist.records import Status

__all__ = ["Verdict", "failures", "judge"]


class Verdict(StrEnum):
    """The verdicts in the order in which they are tried: the first that applies is given.

    >>> Verdict("better") is Verdict.BETTER, Verdict.UNDECIDED.value
    (True, 'no difference detected')
    """

    BASELINE = "baseline"
    NOT_YET = "not yet"  # runs of this look have not ended
    SKIPPED = "skipped"
    NOT_APPLICABLE = "not applicable"
    STOPPED = "stopped"  # any seed was hopeless beside the baseline
    FAILED = "failed"  # any seed crashed, diverged or stayed below the floor
    INERT = "inert"
    NOT_TESTED = "not tested"  # no degrees of freedom
    BETTER = "better"  # adjusted p < 0.05
    WORSE = "worse"
    NO_PRACTICAL_DIFFERENCE = "no practical difference"  # its interval is inside +-min_effect
    UNDECIDED = "no difference detected"


def judge(  # noqa: PLR0911 (one return a verdict, in their order)
    statuses: Mapping[Status, int], claim: Claim, *, min_effect: float, waiting: bool
) -> Verdict:
    """Return the verdict on a trial.

    `statuses` counts its runs, `claim` is adjusted for rows and looks, `min_effect` is in
    its unit, and `waiting` says that runs of the look have not ended.
    """
    if waiting:
        return Verdict.NOT_YET
    for status, verdict in _WITHOUT_RESULT.items():
        if status in statuses:
            return verdict
    if failures(statuses):
        return Verdict.FAILED
    if Status.INERT in statuses:
        return Verdict.INERT
    if claim.interval is None:
        return Verdict.NOT_TESTED
    if claim.direction:
        return Verdict.BETTER if claim.direction > 0 else Verdict.WORSE
    low, high = claim.interval
    inside = -min_effect < low and high < min_effect
    return Verdict.NO_PRACTICAL_DIFFERENCE if inside else Verdict.UNDECIDED


_WITHOUT_RESULT = {
    Status.SKIPPED: Verdict.SKIPPED,
    Status.STOPPED: Verdict.STOPPED,
    Status.NOT_APPLICABLE: Verdict.NOT_APPLICABLE,
}


def failures(statuses: Mapping[Status, int]) -> int:
    """Return how many runs crashed, diverged or stayed below the floor."""
    return sum(statuses.get(status, 0) for status in (Status.FAILED, Status.DIVERGED))
