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


def test_changes_are_adjusted_together_and_claim_falsely_in_few_tables() -> None:
    """Two experiments in which tricks do the same: at most 5 % of tables claim a change."""
    rng = np.random.default_rng(0)
    names = ("baseline", "lr=cosine", "mixup=on", "stem=relu", "stem=swish")
    false, smaller, repeats = 0, 0, 40
    for _ in range(repeats):
        tables = rng.normal(90, 0.2, (2, len(names), 3))
        one, other = (compare(SMALL, swept(dict(zip(names, t, strict=True)))) for t in tables)
        found = contrast(one, other)
        p_values = [row.p_value for row in found if row.p_value is not None]
        raw = [
            other.effects.by_trial[i].minus(one.effects.by_trial[i]).p_value or 0.0
            for i in range(1, len(names))
        ]
        assert all(p >= own - 1e-9 for p, own in zip(p_values, raw, strict=True))
        smaller += min(p_values) < min(1.0, len(raw) * min(raw))  # than Holm's
        false += min(p_values) < 0.05
    assert false <= repeats * (0.05 + 2.5 * (0.05 * 0.95 / repeats) ** 0.5)
    assert smaller > repeats / 2
