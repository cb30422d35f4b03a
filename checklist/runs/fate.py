"""What became of a prediction: it holds, it failed, or too few seeds tell; and how many would."""

from __future__ import annotations

import math
from enum import StrEnum

from darkmagic.checklist.metric import ACCURACY, Metric
from darkmagic.checklist.stats.effects import Effect

__all__ = ["MAX_SEEDS", "Fate", "prediction_fate", "seeds_needed", "seeds_that_tell"]

MAX_SEEDS = 100
"""More than these is a price that no advice should name."""
POWER = 0.8


class Fate(StrEnum):
    """What became of a prediction, as the word that follows it.

    >>> f"The prediction {Fate.UNDECIDED}"
    'The prediction is undecided'
    """

    HOLDS = "holds"
    FAILED = "failed"
    UNDECIDED = "is undecided"


def prediction_fate(test: Effect | None, predicted: float | None, level: float) -> Fate:
    """Return what a `test` on fresh seeds says of a gain that was `predicted`, in the same unit.

    It holds where a gain is proved at `level`. It failed where the interval shows no gain, or
    excludes so large a one. Else too little is known: also of a single run, which has no interval.

    >>> prediction_fate(Effect(0.1, 0.1, df=8), 2.0, 0.05)
    <Fate.FAILED: 'failed'>
    >>> prediction_fate(Effect(15.9, 9.0, df=4), 4.2, 0.05)
    <Fate.UNDECIDED: 'is undecided'>
    """
    interval = None if test is None else test.interval(1 - level)
    if interval is None:
        return Fate.UNDECIDED
    low, high = interval
    if low > 0:
        return Fate.HOLDS
    if high <= 0 or (predicted is not None and predicted > high):
        return Fate.FAILED
    return Fate.UNDECIDED


def seeds_needed(test: Effect, runs: tuple[int, int], gain: float, level: float) -> int | None:
    """Return the fewest seeds, more than there are, that find `gain` at `level` four times in five.

    `runs` are those of both sides of `test`. None without an error, or beyond `MAX_SEEDS`.

    >>> seeds_needed(Effect(1.0, 0.5, df=4), (3, 3), 1.0, 0.05)
    7
    """
    from scipy.special import stdtrit

    if not test.error or not all(runs):
        return None
    spread = test.error / math.sqrt(sum(1 / count for count in runs))
    for seeds in range(max(min(runs) + 1, 2), MAX_SEEDS + 1):
        df = 2 * (seeds - 1)
        needed = float(stdtrit(df, 1 - level / 2) + stdtrit(df, POWER))
        if gain >= needed * spread * math.sqrt(2 / seeds):
            return seeds
    return None


def seeds_that_tell(
    test: Effect | None,
    runs: tuple[int, int],
    predicted: float | None,
    level: float,
    metric: Metric = ACCURACY,
) -> str:
    """Return how many seeds find the gain that was `predicted`, and that of `test`, in words.

    Arguments are those of `seeds_needed`; gains that are none are left out.
    """
    if test is None or not test.error:
        return "One run of each has no error bar: give --seeds 3 or more."
    told = []
    for what, gain in (("as predicted", predicted), ("as seen here", test.difference)):
        if gain is not None and gain > 0:
            seeds = seeds_needed(test, runs, gain, level)
            many = f"--seeds {seeds}" if seeds else f"over {MAX_SEEDS} seeds"
            told.append(f"{metric.change(gain)}, {what}, with {many}")
    second = "More seeds are another look, which may err less often: that is counted in."
    return f"Found four times in five: {'; '.join(told)}. {second}" if told else ""
