"""The confirmation of winners on the test set."""

from __future__ import annotations

import numpy as np

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.confirmation import confirm
from records import SMALL, record, simulated


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


def test_combination_that_falls_short_of_its_parts_is_not_independent() -> None:
    """Parts of +1.5 and +2.0 that gain +1 together are confirmed, and called not independent."""
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


def test_combination_that_gains_the_sum_of_its_parts_adds_up() -> None:
    """Parts of +0.5 each that gain +1 together are reported to add up."""
    found, _ = _confirmation(1.0, {"lr=cosine": 0.5, "mixup=on": 0.5})
    assert "they add up, as far as can be seen" in " ".join(found.sentences)


def test_combination_that_gains_nothing_is_not_confirmed() -> None:
    """No gain is not confirmed, and neither is a recipe whose runs have no result."""
    found, sweep = _confirmation(0.0, {"lr=cosine": 0.5})
    assert "not confirmed" in " ".join(found.sentences)
    failed = confirm({"lr": "cosine"}, [], sweep)
    assert failed.sentences == ["Nothing is confirmed: a recipe has no result."]
