"""How long the stages of an optimisation take, and what of them fits in a budget of time."""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass, replace

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.tuning.shares import (
    CANDIDATES,
    FEWEST_SEEDS,
    FEWEST_TUNED,
    Shares,
    share_runs,
)

__all__ = ["Pace", "cut_to", "hours", "shares_in"]

MOST_RUNS = 100_000
MARGIN = 1.1
"""Times what the smallest budget is expected to take: what is advised where one is too small."""


@dataclass(frozen=True)
class Pace:
    """A trial takes `trial` seconds from its start to its end, `slots` of them run at once, and a
    sweep takes `around` seconds in which none runs: plans, checks, MLflow.

    >>> Pace(trial=10.0, slots=2, around=3.0).sweep(5)
    33.0
    """

    trial: float
    slots: int = 1
    around: float = 0.0

    def sweep(self, trials: int) -> float:
        """Return the seconds that a sweep of `trials` takes."""
        return self.around + math.ceil(trials / self.slots) * self.trial

    def settling(self, shares: Shares) -> float:
        """Return the seconds of the candidates trained anew: the baseline is with the first."""
        if not shares.candidates:
            return 0.0
        others = (shares.candidates - 1) * self.sweep(shares.repeats)
        return self.sweep(2 * shares.repeats) + others

    def after_tuning(self, shares: Shares) -> float:
        """Return the seconds of what follows tuning."""
        return self.settling(shares) + self.sweep(2 * shares.seeds)

    def whole(self, shares: Shares) -> float:
        """Return the seconds of all stages."""
        return self.sweep(shares.screen) + self.sweep(shares.tune) + self.after_tuning(shares)


def shares_in(
    seconds: float, pace: Pace, *, effects: int, usual: int, seeds: int, budget: str
) -> Shares:
    """Return the shares of as many runs as `seconds` are expected to be enough for.

    `effects`, `usual` and `seeds` are those of `share_runs`. Raises `UserError` where the smallest
    optimisation takes longer than the `budget`, as it was written.

    >>> shares_in(600, Pace(10.0, 2, 3.0), effects=16, usual=24, seeds=5, budget="10m").total
    114
    """

    def taken(runs: int) -> float:
        try:
            return pace.whole(share_runs(runs, effects, usual, seeds))
        except UserError:  # too few
            return 0.0

    runs = bisect.bisect_right(range(MOST_RUNS), seconds, key=taken) - 1
    try:
        return share_runs(runs, effects, usual, seeds)
    except UserError:
        fewest = min(seeds, FEWEST_SEEDS)
        least = Shares(effects, FEWEST_TUNED, 1, fewest)
        enough = math.ceil(MARGIN * pace.whole(least) / 3.6) / 1000
        with_seeds = f" with --seeds {fewest}" if fewest < seeds else ""
        raise UserError(
            f"budget={budget} is too small: {least.total} runs are the fewest, which with all that "
            f"is around them take about {hours(pace.whole(least))} here; give "
            f"budget={enough:g}h{with_seeds}, or more"
        ) from None


def cut_to(seconds: float, pace: Pace, shares: Shares) -> Shares:
    """Return `shares` with as much of what follows tuning as fits in `seconds`.

    Fresh runs of candidates are left out first, then candidates, then seeds of the confirmation:
    not fewer than one run of one candidate, and three seeds (or those asked for, if fewer).

    >>> planned = Shares(screen=24, tune=30, repeats=2, seeds=5)
    >>> cut_to(80.0, Pace(10.0, 2, 1.0), planned)
    Shares(screen=24, tune=30, repeats=1, seeds=5, candidates=2)
    """
    fewest = min(shares.seeds, FEWEST_SEEDS)
    tried = [
        *(replace(shares, repeats=n) for n in range(shares.repeats, 0, -1)),
        *(replace(shares, repeats=1, candidates=n) for n in range(CANDIDATES - 1, 0, -1)),
        *(
            replace(shares, repeats=1, candidates=1, seeds=n)
            for n in range(shares.seeds - 1, fewest - 1, -1)
        ),
    ]
    return next((each for each in tried if pace.after_tuning(each) <= seconds), tried[-1])


def hours(seconds: float) -> str:
    """Return a time in hours, as a budget is written.

    >>> hours(61.0), hours(30000)
    ('0.0169 h', '8.33 h')
    """
    return f"{seconds / 3600:.3g} h"
