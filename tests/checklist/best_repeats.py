"""How many runs of the baseline are best for the budget: makes the table of `baseline_repeats`.

`python tests/checklist/best_repeats.py` prints what `BEST_RATIO` of
`checklist/planning/baseline.py` holds.
"""

from __future__ import annotations

import math

from darkmagic.checklist.stats.alpha_spending import ALPHA, FIRST_SHARE
from darkmagic.checklist.stats.detectable import detectable_points

TRIALS = (1, 2, 4, 8, 15, 30)
SEEDS = (2, 3, 5, 10)
RATIOS = (1.0, 1.5, 2.0, 3.0, 4.0)
CORRELATIONS = (0.0, 0.25, 0.5)
SWEEPS = 120


def cost(trials: int, seeds: int, ratio: float) -> float:
    """Return how many runs a unit of power costs, in logarithms, over correlations of seeds.

    An effect that can be found falls with the square root of the runs, so its square times the
    runs is what a budget buys, whatever its size.
    """
    baseline = round(seeds * ratio)
    found = [
        detectable_points(seeds, baseline, trials, ALPHA * FIRST_SHARE, correlation, SWEEPS)
        for correlation in CORRELATIONS
    ]
    runs = math.log(trials * seeds + baseline)
    return sum(2 * math.log(points) + runs for points in found) / len(found)


def best(trials: int, seeds: int) -> float:
    """Return the best of `RATIOS` of the baseline's runs to the tricks'."""
    return min(RATIOS, key=lambda ratio: cost(trials, seeds, ratio))


if __name__ == "__main__":
    for trials in TRIALS:
        for seeds in SEEDS:
            print(f"    ({trials}, {seeds}): {best(trials, seeds)},", flush=True)
