"""Several experiments in one table, two compared, and the confirmation of winners."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.confirmation import confirm
from darkmagic.checklist.compare.contrast import contrast
from darkmagic.checklist.compare.summary import summarise
from darkmagic.checklist.stats.robust import interquartile_mean, probability_of_improvement
from records import SMALL, record, simulated, swept

OWN = np.array([[1.32, 0.19, 0.41], [-0.98, -0.71, 0.12], [0.51, 0.18, 0.16],
                [0.02, -0.13, -0.03], [0.07, 1.96, -0.23]])  # fmt: skip
BASE = np.array([[-0.2, 0.01, 0.27], [0.24, 0.77, 0.97], [-0.12, 0.27, -0.13],
                 [0.48, -0.25, -0.12], [-0.1, -0.09, 0.5]])  # fmt: skip
"""Five tasks of three runs. rliable 1.2 gives an interquartile mean of 0.11 (95 %: -0.001 to
0.336) for the first, and 0.5556 (0.378 to 0.733) that it improves on the second.
"""


def test_summaries_are_those_of_rliable() -> None:
    """On one set of scores."""
    assert interquartile_mean(OWN.ravel()) == pytest.approx(0.11)
    pairs = [probability_of_improvement(x, y) for x, y in zip(OWN, BASE, strict=True)]
    assert np.mean(pairs) == pytest.approx(0.5555555555555556)


def test_the_stratified_bootstrap_is_that_of_rliable() -> None:
    """Its intervals, within simulation error. Baselines without spread leave scores as they are."""
    comparisons = {
        str(task): compare(SMALL, swept({"baseline": [90.0] * 3, "mixup=on": list(90 + OWN[task])}))
        for task in range(5)
    }
    (summary,) = summarise(comparisons)
    assert summary.gain == pytest.approx(0.11)
    assert summary.gain_interval.low == pytest.approx(-0.001, abs=0.02)
    assert summary.gain_interval.high == pytest.approx(0.336, abs=0.03)
    assert (summary.experiments, summary.runs) == (5, 15)
    both = {
        str(task): compare(
            SMALL, swept({"baseline": list(90 + BASE[task]), "mixup=on": list(90 + OWN[task])})
        )
        for task in range(5)
    }
    (summary,) = summarise(both)
    assert summary.improvement == pytest.approx(0.5556, abs=1e-4)
    assert summary.improvement_interval.low == pytest.approx(0.378, abs=0.03)
    assert summary.improvement_interval.high == pytest.approx(0.733, abs=0.03)


def test_summaries_are_by_gain_and_skip_what_never_ran() -> None:
    """Largest gain first."""
    sweeps = {name: compare(SMALL, simulated(SMALL, 3, {"stem=relu": 2.0})) for name in "ab"}
    summaries = summarise(sweeps)
    assert summaries[0].name == "stem=relu"
    assert len(summaries) == 4
    assert summarise({}) == []


def test_two_experiments_are_compared_by_welch() -> None:
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


def test_trials_of_one_experiment_alone_are_rows_too() -> None:
    """Without a change."""
    first = compare(SMALL, swept({"baseline": [90.0, 90.1], "mixup=on": [91.0, 91.2]}))
    second = compare(SMALL, swept({"baseline": [90.0, 90.1], "lr=cosine": [91.0, 91.2]}))
    rows = {row.name: row for row in contrast(first, second)}
    assert set(rows) == {"mixup=on", "lr=cosine"}
    assert rows["mixup=on"].second is None
    assert rows["mixup=on"].change is None


def _confirmation(gain: float, parts: dict[str, float]):  # noqa: ANN202
    sweep = compare(SMALL, simulated(SMALL, 5, parts))
    rng = np.random.default_rng(4)
    records = []
    for seed in range(1000, 1005):
        base, noise = 0.9 + rng.normal(0, 0.0005), rng.normal(0, 0.001)
        fresh = {"test_accuracy": base}
        records.append(record("baseline", seed, base, **fresh))
        better = base + gain / 100 + noise
        records.append(record("combination=all", seed, better, test_accuracy=better))
    return confirm({"lr": "cosine", "mixup": "on"}, records, sweep), sweep


def test_a_combination_that_falls_short_of_its_parts_is_said() -> None:
    """Parts of +1.5 and +2.0, together +1: not independent."""
    found, sweep = _confirmation(1.0, {"lr=cosine": 1.5, "mixup=on": 2.0})
    text = " ".join(found.sentences)
    assert "confirmed" in text
    assert "not confirmed" not in text
    assert "less" in text
    assert "not independent" in text
    assert found.parts is not None
    assert found.parts.error is not None
    rows = {row.name: row for row in sweep.rows}
    alone = [rows[name].error or 0 for name in ("lr=cosine", "mixup=on")]
    # They share the baseline: Var(a + b) is more than the sum of both variances.
    assert found.parts.error**2 > sum(error**2 for error in alone)


def test_a_combination_that_adds_up_is_said() -> None:
    """Parts of +0.5 each, together +1."""
    found, _ = _confirmation(1.0, {"lr=cosine": 0.5, "mixup=on": 0.5})
    assert "they add up, as far as can be seen" in " ".join(found.sentences)


def test_a_combination_that_gains_nothing_is_not_confirmed() -> None:
    """And runs that failed are named."""
    found, sweep = _confirmation(0.0, {"lr=cosine": 0.5})
    assert "not confirmed" in " ".join(found.sentences)
    failed = confirm({"lr": "cosine"}, [], sweep)
    assert failed.sentences == ["Nothing is confirmed: a recipe has no result."]
