"""The verdicts on a row, and the exact condition for each."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import TYPE_CHECKING

from darkmagic.checklist.records import Status
from darkmagic.checklist.stats.alpha_spending import ALPHA

if TYPE_CHECKING:
    from darkmagic.checklist.stats.effects import Effect

__all__ = ["Verdict", "failures", "judge", "minimum_detectable_effect"]

POWER = 0.8


class Verdict(StrEnum):
    """The verdicts in the order in which they are tried: the first that applies is given.

    >>> Verdict("better") is Verdict.BETTER, Verdict.UNDECIDED.value
    (True, 'no difference detected')
    """

    BASELINE = "baseline"
    NOT_YET = "not yet"  # runs of this look have not ended
    SKIPPED = "skipped"
    NOT_APPLICABLE = "not applicable"
    FAILED = "failed"  # any seed crashed, diverged or stayed below the floor
    INERT = "inert"
    NOT_TESTED = "not tested"  # no degrees of freedom
    UNSTABLE = "unstable"  # its seeds spread far wider than the other trials'
    BETTER = "better"  # adjusted p < 0.05
    WORSE = "worse"
    NO_PRACTICAL_DIFFERENCE = "no practical difference"  # interval inside +-min_effect
    UNDECIDED = "no difference detected"


def judge(  # noqa: PLR0911 (one return a verdict, in their order)
    statuses: Mapping[Status, int],
    effect: Effect | None,
    p_adjusted: float | None,
    *,
    min_effect: float,
    waiting: bool,
) -> Verdict:
    """Return the verdict on a trial.

    `statuses` counts its runs, `p_adjusted` is over rows and looks, `min_effect` is in
    points, and `waiting` says that runs of the look have not ended.
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
    if effect is None or effect.error is None or p_adjusted is None:
        return Verdict.NOT_TESTED
    if effect.unstable:
        return Verdict.UNSTABLE
    if p_adjusted < ALPHA:
        return Verdict.BETTER if effect.difference > 0 else Verdict.WORSE
    interval = effect.interval()
    assert interval is not None
    if -min_effect < interval[0] and interval[1] < min_effect:
        return Verdict.NO_PRACTICAL_DIFFERENCE
    return Verdict.UNDECIDED


_WITHOUT_RESULT = {
    Status.SKIPPED: Verdict.SKIPPED,
    Status.NOT_APPLICABLE: Verdict.NOT_APPLICABLE,
}


def failures(statuses: Mapping[Status, int]) -> int:
    """Return how many runs crashed, diverged or stayed below the floor."""
    return sum(statuses.get(status, 0) for status in (Status.FAILED, Status.DIVERGED))


def minimum_detectable_effect(error: float, df: float, level: float) -> float:
    """Return the effect, in points, that a test misses once in five.

    `error * (t(1 - level / 2) + t(0.8))` for a standard error with `df` degrees of freedom
    and a two-sided test at `level`.
    """
    from scipy.special import stdtrit

    return error * float(stdtrit(df, [1 - level / 2, POWER]).sum())
