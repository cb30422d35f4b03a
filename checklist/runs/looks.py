"""A recipe that is confirmed, and looked at again with more fresh seeds.

Each look may find a gain by luck. As of a table, the 5 % are spent in parts (Lan & DeMets 1983):
`checklist.stats.alpha_spending` says how much each look has.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from darkmagic.checklist.records import TrialRecord
from darkmagic.checklist.stats.alpha_spending import ALPHA, share_of_look
from darkmagic.checklist.stats.effects import Effect

__all__ = ["is_claim", "level_of_look", "over_looks", "up_to"]


def up_to(
    values: Sequence[Mapping[int, float]], records: Sequence[TrialRecord], look: int
) -> list[dict[int, float]]:
    """Return the `values` by seed of the seeds that `look` and those before had."""
    had = {record.seed for record in records if record.look <= look}
    return [{seed: value for seed, value in own.items() if seed in had} for own in values]


def over_looks(tests: Sequence[Effect | None], recipes: int) -> tuple[Effect | None, int]:
    """Return what holds of a recipe over all looks, and the look that it is of.

    What a look found stays found, unless the last one's difference has the other sign.
    """
    last = tests[-1]
    if last is None:
        return None, len(tests)
    for look, test in reversed(list(enumerate(tests, start=1))):
        same = test is not None and (test.difference > 0) == (last.difference > 0)
        if same and is_claim(test, level_of_look(look, recipes)):
            return test, look
    return last, len(tests)


def level_of_look(look: int, recipes: int = 1) -> float:
    """Return the error rate of each of the `recipes` at a look: all looks of all share 5 %.

    >>> [round(level_of_look(look), 4) for look in (1, 2, 3)], round(level_of_look(1, 2), 4)
    ([0.04, 0.005, 0.0025], 0.02)
    """
    return ALPHA * share_of_look(look) / max(recipes, 1)


def is_claim(test: Effect | None, level: float) -> bool:
    return test is not None and test.p_value is not None and test.p_value < level
