"""Alpha spent over looks, and Holm's adjustment."""

from __future__ import annotations

import pytest
from statsmodels.stats.multitest import multipletests

from darkmagic.checklist.stats.alpha_spending import holm, share_of_look


def test_alpha_shares_sum_to_one_over_looks() -> None:
    """The shares of alpha sum to 1, however many looks there are."""
    assert sum(share_of_look(look) for look in range(1, 60)) == pytest.approx(1.0)
    assert [share_of_look(look) for look in (1, 2, 3)] == pytest.approx([0.8, 0.1, 0.05])


def test_holm_matches_statsmodels() -> None:
    """Untested rows enter Holm's adjustment as p = 1."""
    raw = {"a": 0.004, "b": None, "c": 0.03}
    expected = multipletests([0.004, 1.0, 0.03], method="holm")[1]
    assert list(holm(raw).values()) == pytest.approx(list(expected))
    assert holm({}) == {}
