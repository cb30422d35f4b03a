"""Shares of a budget add up to it, and one that is too small says what is enough."""

from __future__ import annotations

import re

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.tuning.shares import FEWEST_TUNED, share_runs


@pytest.mark.parametrize("effects", [3, 16, 40])
@pytest.mark.parametrize("seeds", [2, 5])
def test_shares_add_up_to_the_budget(effects: int, seeds: int) -> None:
    """Every budget is spent to the last run, or refused with the least that is enough."""
    usual = round(1.5 * effects)
    enough = False
    for runs in range(1, 300):
        try:
            shares = share_runs(runs, effects, usual, seeds)
        except UserError as error:
            assert not enough, f"{runs} runs are too few, and fewer were enough"
            least, given = re.search(
                r"give budget=(\d+)(?: with --seeds (\d+))?", str(error)
            ).groups()
            least, fewest = int(least), int(given or seeds)
            assert share_runs(least, effects, usual, fewest).total == least
            with pytest.raises(UserError):
                share_runs(least - 1, effects, usual, fewest)
            continue
        enough = True
        assert shares.total == runs
        assert effects <= shares.screen <= usual
        assert shares.tune >= FEWEST_TUNED
        assert 1 <= shares.repeats <= 4
        assert shares.seeds == seeds
    assert enough
