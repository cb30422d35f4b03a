"""A budget spent by rounds: more runs for the rows that are likeliest to help.

Every row is trained a few times first. Then, round by round, the rows that are likeliest to help
and are not sure yet get a run more each, and the baseline keeps ahead of them, until the budget
is spent or nothing is open. Rows are dropped for looking bad, never for looking good, and only
gains are claimed at the end: rows that left early stopped where luck had them low.
"""

from __future__ import annotations

import math
from collections.abc import Mapping

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import BASELINE

__all__ = ["first_round", "next_round"]

FIRST_RUNS = 2
ROWS_A_ROUND = 6
BASELINE_RATIO = 1.5
"""Runs of the baseline to the most of any row."""
HOPELESS, SURE = 0.1, 0.99
"""Probabilities to help at which a row needs no more runs."""


def first_round(names: list[str], budget: int) -> dict[str, int]:
    """Return the runs of each of `names`, the baseline's included, with which a race begins.

    Two runs a row, or one where the budget is small. Raises `UserError` for less than that.

    >>> first_round(["baseline", "mixup=on", "stem=relu"], budget=20)
    {'baseline': 3, 'mixup=on': 2, 'stem=relu': 2}
    """
    for runs in range(FIRST_RUNS, 0, -1):
        counts = dict.fromkeys(names, runs) | {BASELINE: math.ceil(BASELINE_RATIO * runs)}
        if sum(counts.values()) <= budget:
            return counts
    least = sum(counts.values())
    raise UserError(
        f"budget={budget} is less than a run of each of {len(names) - 1} trials and two of the "
        f"baseline; give budget={least} or more"
    )


def next_round(runs: Mapping[str, int], helps: Mapping[str, float], left: int) -> dict[str, int]:
    """Return how many runs more each row gets, the baseline's included; empty at the end.

    `runs` are those there are, `helps` the probability that each row helps, of the rows that can
    go on, and `left` what is left of the budget.

    >>> next_round({"baseline": 3, "mixup=on": 2, "stem=relu": 2}, {"mixup=on": 0.8}, left=20)
    {'mixup=on': 1, 'baseline': 2}
    >>> next_round({"baseline": 3, "mixup=on": 2}, {"mixup=on": 0.999}, left=20)
    {}
    """
    open_rows = [name for name, chance in helps.items() if HOPELESS <= chance <= SURE]
    chosen = sorted(open_rows, key=lambda name: -helps[name])[:ROWS_A_ROUND]
    while chosen:
        more = dict.fromkeys(chosen, 1)
        ahead = math.ceil(BASELINE_RATIO * max(runs[name] + 1 for name in chosen))
        more[BASELINE] = max(ahead - runs.get(BASELINE, 0), 0)
        if sum(more.values()) <= left:
            return {name: count for name, count in more.items() if count}
        chosen = chosen[:-1]
    return {}
