"""Alpha spent over looks."""

from __future__ import annotations

import pytest

from darkmagic.checklist.stats.alpha_spending import share_of_look


def test_alpha_shares_sum_to_one_over_looks() -> None:
    """The shares of alpha sum to 1, however many looks there are."""
    assert sum(share_of_look(look) for look in range(1, 60)) == pytest.approx(1.0)
    assert [share_of_look(look) for look in (1, 2, 3)] == pytest.approx([0.8, 0.1, 0.05])
