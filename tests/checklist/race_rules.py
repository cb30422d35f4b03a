"""Rules of a race beside one another: what 80 runs find, and how often they find what is not there.

`python tests/checklist/race_rules.py` prints the table of docs/statistics.md.
"""

from __future__ import annotations

import argparse
import math
from collections.abc import Callable

import numpy as np
from scipy import stats

from darkmagic.checklist.planning.race import first_round, next_round
from darkmagic.checklist.stats.effects import estimate_effects
from darkmagic.checklist.stats.linear import Run
from darkmagic.checklist.stats.posterior import estimate_posterior
from darkmagic.checklist.stats.step_down import test_together as judged_together
from simulation import GAIN, LEVEL, SPREAD, TRICKS

BUDGET = 80
ROWS = [str(row) for row in range(1, TRICKS + 1)]
Accuracies = np.ndarray  # (rows, seeds), the baseline first
Rule = Callable[[Accuracies], np.ndarray]  # to the number of runs of each


def runs_of(accuracies: Accuracies, counts: np.ndarray) -> list[Run]:
    """Return so many runs of each row."""
    rows = enumerate(counts.tolist())
    return [Run(row, seed, float(accuracies[row, seed])) for row, n in rows for seed in range(n)]


def uniform(_: Accuracies) -> np.ndarray:
    """Four runs a row, and the rest of the baseline."""
    counts = np.full(TRICKS + 1, 4)
    counts[0] = BUDGET - 4 * TRICKS
    return counts


def halving(accuracies: Accuracies) -> np.ndarray:
    """Two runs a row; half of what is left to the better 7, and the rest to the best 4."""
    counts = np.full(TRICKS + 1, 2)
    counts[0] = 3
    rows = list(range(1, TRICKS + 1))
    for rounds_left, kept in ((2, 7), (1, 4)):
        found = estimate_effects(runs_of(accuracies, counts)).by_trial
        rows = sorted(rows, key=lambda row: -found[row].difference)[:kept]
        share = (BUDGET - counts.sum()) / rounds_left
        counts[rows] += max(int(share // (kept + 1.5)), 1)
        ahead = math.ceil(1.5 * counts[rows].max())
        counts[0] = min(max(counts[0], ahead), counts[0] + BUDGET - counts.sum())
    return counts


def gradient(accuracies: Accuracies) -> np.ndarray:
    """Six runs a round where one more changes the choice by most: the knowledge gradient."""
    counts = np.full(TRICKS + 1, 2)
    counts[0] = 4
    while counts.sum() < BUDGET:
        posterior = estimate_posterior(estimate_effects(runs_of(accuracies, counts)))
        assert posterior is not None
        mean, variance = posterior.draws.mean(0), posterior.draws.var(0)
        moved = variance / np.sqrt(variance + SPREAD**2)
        z = -np.abs(mean) / moved
        for row in np.argsort(-moved * (stats.norm.pdf(z) + z * stats.norm.cdf(z)))[:6] + 1:
            counts[row] += counts.sum() < BUDGET
        while counts[0] < 1.5 * counts[1:].max() and counts.sum() < BUDGET:
            counts[0] += 1
    return counts


def race(accuracies: Accuracies) -> np.ndarray:
    """As `budget=80` spends them."""
    runs = first_round(["baseline", *ROWS], BUDGET)
    while True:
        counts = np.array(list(runs.values()))
        posterior = estimate_posterior(estimate_effects(runs_of(accuracies, counts)))
        assert posterior is not None
        helps = dict(zip(ROWS, (posterior.draws > 0).mean(0).tolist(), strict=True))
        more = next_round(runs, helps, BUDGET - int(counts.sum()))
        if not more:
            return counts
        runs = {name: count + more.get(name, 0) for name, count in runs.items()}


RULES: dict[str, Rule] = {
    "as many of each": uniform,
    "halving (15, 7, 4 rows)": halving,
    "knowledge gradient": gradient,
    "the six likeliest to help": race,
}


def outcome(rule: Rule, repeats: int) -> tuple[float, float, float]:
    """Return percentages: of five gains of 0.3 points found, and of tables where nothing helps
    that claim a gain, and a loss.
    """
    rng = np.random.default_rng(0)
    some = np.zeros((TRICKS + 1, 1))
    some[1 : TRICKS // 3 + 1] = GAIN
    found, gains, losses = 0, 0, 0
    for _ in range(repeats):
        for true in (some, 0 * some):
            accuracies = 90 + true + SPREAD * rng.standard_normal((TRICKS + 1, BUDGET))
            effects = estimate_effects(runs_of(accuracies, rule(accuracies)))
            tested = judged_together(effects, range(1, TRICKS + 1), LEVEL)
            claimed = [t is not None and t.p_value < LEVEL for t in tested]
            up = [
                c and t is not None and t.interval[0] >= 0
                for c, t in zip(claimed, tested, strict=True)
            ]
            if true is some:
                found += sum(up[: TRICKS // 3])
            else:
                gains += any(up)
                losses += any(c and not u for c, u in zip(claimed, up, strict=True))
    return tuple(100 * n / repeats for n in (found / (TRICKS // 3), gains, losses))  # type: ignore[return-value]


def main() -> None:
    """Print a line a rule."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=200)
    repeats = parser.parse_args().repeats
    for name, rule in RULES.items():
        cells = " | ".join(f"{share:.1f}" for share in outcome(rule, repeats))
        print(f"| {name} | {cells} |", flush=True)


if __name__ == "__main__":
    main()
