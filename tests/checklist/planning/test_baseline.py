"""How many runs of the baseline `baseline_repeats=auto` takes."""

from __future__ import annotations

import pytest
from best_repeats import RATIOS, cost

from darkmagic.checklist.planning.baseline import BEST_RATIO, best_repeats


@pytest.mark.parametrize("trials", [1, 4, 15, 60, 500])
@pytest.mark.parametrize("seeds", [1, 2, 3, 5, 10, 50])
def test_baseline_has_at_least_the_runs_of_a_trial(trials: int, seeds: int) -> None:
    """For any sweep, never fewer than its seeds nor more than four times as many."""
    assert seeds <= best_repeats(trials, seeds) <= 4 * seeds
    assert best_repeats(trials, 1) == 1


def test_table_has_ratios_that_were_simulated() -> None:
    """Every entry is one of those that the command compares."""
    assert set(BEST_RATIO.values()) <= set(RATIOS)


def test_more_runs_of_the_baseline_pay_in_a_small_sweep() -> None:
    """With two seeds of eight trials, the table's ratio finds more a run than equal numbers."""
    assert cost(8, 2, BEST_RATIO[8, 2]) < cost(8, 2, 1.0)
