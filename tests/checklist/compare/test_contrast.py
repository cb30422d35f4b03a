"""Two experiments compared."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.contrast import contrast
from records import SMALL, swept


def test_two_experiments_compare_by_welchs_test() -> None:
    """With one trick and independent sweeps it is the two-sample test of paired differences."""
    rng = np.random.default_rng(3)
    tables = [rng.normal(90, 0.3, (2, 5)), rng.normal(91, 0.3, (2, 5))]
    first, second = (
        compare(SMALL, swept({"baseline": list(t[0]), "mixup=on": list(t[1])})) for t in tables
    )
    (row,) = contrast(first, second)
    differences = [table[1] - table[0] for table in tables]
    reference = stats.ttest_ind(differences[1], differences[0], equal_var=False)
    ends = reference.confidence_interval(0.95)
    assert row.change == pytest.approx(differences[1].mean() - differences[0].mean())
    assert row.p_value == pytest.approx(reference.pvalue)
    assert row.interval is not None
    assert (row.interval.low, row.interval.high) == pytest.approx((ends.low, ends.high))


def test_trial_of_one_experiment_alone_has_no_change() -> None:
    """A trial that only one experiment has is a row, without a change."""
    first = compare(SMALL, swept({"baseline": [90.0, 90.1], "mixup=on": [91.0, 91.2]}))
    second = compare(SMALL, swept({"baseline": [90.0, 90.1], "lr=cosine": [91.0, 91.2]}))
    rows = {row.name: row for row in contrast(first, second)}
    assert set(rows) == {"mixup=on", "lr=cosine"}
    assert rows["mixup=on"].second is None
    assert rows["mixup=on"].change is None
