"""How many runs of the baseline are best for the budget: what `baseline_repeats=auto` takes."""

from __future__ import annotations

import math

__all__ = ["BEST_RATIO", "best_repeats"]

BEST_RATIO: dict[tuple[int, int], float] = {
    (1, 2): 1.5,
    (1, 3): 1.5,
    (1, 5): 2.0,
    (1, 10): 1.0,
    (2, 2): 2.0,
    (2, 3): 1.5,
    (2, 5): 1.5,
    (2, 10): 1.0,
    (4, 2): 3.0,
    (4, 3): 2.0,
    (4, 5): 1.0,
    (4, 10): 1.0,
    (8, 2): 3.0,
    (8, 3): 2.0,
    (8, 5): 3.0,
    (8, 10): 1.5,
    (15, 2): 3.0,
    (15, 3): 2.0,
    (15, 5): 3.0,
    (15, 10): 1.5,
    (30, 2): 3.0,
    (30, 3): 3.0,
    (30, 5): 3.0,
    (30, 10): 3.0,
}
"""By number of trials and of their seeds: runs of the baseline to those of a trial.

Found by simulation over sweeps whose seeds correlate by 0, 0.25 and 0.5, as what finds the
smallest effect for its number of runs: `python tests/checklist/best_repeats.py` makes it again.
"""


def best_repeats(trials: int, seeds: int) -> int:
    """Return the number of runs of the baseline that suits `trials` of `seeds` runs each.

    All differences share the baseline, so its runs count in each of them. Between the numbers
    that were simulated the nearest is taken. One seed stays one: it gives no verdicts, and is
    what a first try asks for.

    >>> best_repeats(trials=15, seeds=1)
    1
    """
    if seeds < 2:
        return seeds

    def distance(simulated: tuple[int, int]) -> float:
        return abs(math.log(simulated[0] / max(trials, 1))) + abs(math.log(simulated[1] / seeds))

    return math.ceil(seeds * BEST_RATIO[min(BEST_RATIO, key=distance)])
