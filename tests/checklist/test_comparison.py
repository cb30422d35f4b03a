"""Differences and their intervals, and what has to be said beside them."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
from scipy import stats

from darkmagic.checklist.comparison import compare, paired_interval
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.records import Costs, Status, TrialRecord

CHECKLIST = Checklist(
    "small",
    (
        Trick("lr", "training", ("cycles", "cosine")),
        Trick("mixup", "regularisation", ("off", "on")),
    ),
)
BASE = TrialRecord(
    None, None, "", 0, Status.FINISHED, accuracy=0.9, costs=Costs(2.0, 60.0, 1000, 50, 10.0)
)


def _trial(trick: str, option: str, seed: int, accuracy: float | None, **changes: object):  # noqa: ANN202
    record = dataclasses.replace(BASE, trick=trick, option=option, seed=seed, accuracy=accuracy)
    return dataclasses.replace(record, **changes)  # type: ignore[arg-type]


def test_interval_is_scipys_paired_one() -> None:
    """Student's interval of the mean paired difference."""
    rng = np.random.default_rng(0)
    ours, base = rng.normal(90, 1, 5), rng.normal(89, 1, 5)
    expected = stats.ttest_rel(ours, base).confidence_interval(0.95)
    interval = paired_interval(list(ours - base))
    assert interval is not None
    assert interval.low == pytest.approx(expected.low)
    assert interval.high == pytest.approx(expected.high)
    assert paired_interval([1.0]) is None


def test_interval_covers_as_often_as_it_says() -> None:
    """In 95 of 100 experiments without an effect, within simulation error."""
    rng = np.random.default_rng(1)
    hits = 0
    for sample in rng.normal(0, 0.2, (2000, 3)):
        interval = paired_interval(list(sample))
        assert interval is not None
        hits += interval.low <= 0 <= interval.high
    assert hits / 2000 == pytest.approx(0.95, abs=0.015)


def test_differences_pair_the_seeds() -> None:
    """Only seeds that both finished count, and each with its own baseline."""
    records = [
        dataclasses.replace(BASE, seed=seed, accuracy=accuracy)
        for seed, accuracy in enumerate([0.90, 0.92, 0.94])
    ]
    records += [_trial("lr", "cosine", s, a) for s, a in enumerate([0.91, 0.93, 0.96])]
    records += [
        _trial("mixup", "on", 0, 0.89),
        _trial("mixup", "on", 1, None, status=Status.DIVERGED, reason="loss is not finite"),
        _trial("mixup", "on", 2, 0.92),
    ]
    comparison = compare(CHECKLIST, records)
    baseline, cosine, mixup = comparison.rows
    assert baseline.difference is None
    assert cosine.difference == pytest.approx((1 + 1 + 2) / 3)
    assert mixup.difference == pytest.approx((-1 - 2) / 2)
    assert mixup.status == "of 3: 2 finished, 1 diverged"
    assert not mixup.finished
    assert any("loss is not finite" in note for note in comparison.notes)


def test_costs_are_ratios_to_the_baseline() -> None:
    """Time, memory, parameters and FLOPs."""
    heavy = Costs(3.0, 90.0, 1500, 100, 20.0)
    rows = compare(CHECKLIST, [BASE, _trial("lr", "cosine", 0, 0.9, costs=heavy)]).rows
    assert rows[1].ratios == {"time": 1.5, "memory": 1.5, "parameters": 2.0, "flops": 2.0}
    assert rows[0].ratios["time"] == 1.0


def test_one_seed_says_that_it_has_no_error_bar() -> None:
    """In words, and no interval is made up."""
    comparison = compare(CHECKLIST, [BASE, _trial("lr", "cosine", 0, 0.95)])
    assert comparison.rows[1].interval is None
    assert any("no error bar" in note for note in comparison.notes)


def test_several_seeds_say_what_the_intervals_are() -> None:
    """Not adjusted for the number of rows."""
    records = [dataclasses.replace(BASE, seed=s, accuracy=0.9 + s / 100) for s in range(2)]
    records += [_trial("lr", "cosine", s, 0.91 + s / 90) for s in range(2)]
    notes = compare(CHECKLIST, records).notes
    assert any("each row for itself" in note for note in notes)
    assert not any("no error bar" in note for note in notes)


def test_a_failed_baseline_leaves_nothing_to_compare() -> None:
    """And the table says so, with the reason."""
    failed = dataclasses.replace(BASE, status=Status.FAILED, accuracy=None, reason="OSError: x")
    comparison = compare(CHECKLIST, [failed, _trial("lr", "cosine", 0, 0.9)])
    assert comparison.rows[1].difference is None
    assert any("nothing to compare with" in note for note in comparison.notes)
    assert any("OSError: x" in note for note in comparison.notes)


def test_rows_come_in_the_checklists_order_and_strangers_last() -> None:
    """Whatever the order of the records."""
    records = [_trial("own", "on", 0, 0.9), _trial("mixup", "on", 0, 0.9), BASE]
    records.append(_trial("lr", "cosine", 0, 0.9))
    names = [row.name for row in compare(CHECKLIST, records).rows]
    assert names == ["baseline", "lr=cosine", "mixup=on", "own=on"]


def test_lost_pretrained_tensors_are_said() -> None:
    """With their share."""
    record = _trial("lr", "cosine", 0, 0.9, pretrained_share=0.75)
    assert any("75%" in note for note in compare(CHECKLIST, [BASE, record]).notes)
