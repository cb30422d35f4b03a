"""Runs of cross-validation: which column has the folds, and what their overlap costs."""

from __future__ import annotations

import random
import statistics
from collections.abc import Sequence

import pytest

from darkmagic.checklist.judging.judgement import Judgement, judge_table
from darkmagic.checklist.judging.tables.question import Question
from darkmagic.checklist.judging.tables.table import Cell, RunTable

REMARK = "Runs are of 5 folds of one set of data, whose training sets overlap"


def _judge(columns: Sequence[str], rows: Sequence[tuple[Cell, ...]], seed: str | None) -> Judgement:
    return judge_table(RunTable("runs.csv", tuple(columns), tuple(rows)), Question(seed=seed))


def _runs(partitions: int, folds: int = 5) -> list[tuple[Cell, ...]]:
    """Return name, partition, fold and accuracy; how hard a fold is differs more than trials."""
    rng = random.Random(4)
    return [
        (name, str(seed), str(fold), 80 + 3 * fold + gain + rng.gauss(0, 0.2))
        for name, gain in (("base", 0.0), ("mixup", 0.4))
        for seed in range(partitions)
        for fold in range(folds)
    ]


@pytest.mark.parametrize("seed", [None, "seed", "fold"])
@pytest.mark.parametrize("partitions", [1, 3])
def test_folds_have_the_error_of_nadeau_and_bengio(partitions: int, seed: str | None) -> None:
    """The variance of the mean of J differences is s^2 (1 / J + 1 / (k - 1)), by hand."""
    runs = _runs(partitions)
    judged = _judge(("name", "seed", "fold", "acc"), runs, seed)
    half = len(runs) // 2
    values = [float(str(run[3])) for run in runs]
    differences = [b - a for a, b in zip(values[:half], values[half:], strict=True)]
    variance = statistics.variance(differences) * (1 / half + 1 / 4)
    (row,) = judged.report.comparison.tricks
    assert row.error == pytest.approx(variance**0.5, rel=0.01)
    assert any(text.startswith(REMARK) for text in judged.report.remarks)


def test_seeds_alone_are_no_folds() -> None:
    """Without the word no set is said to be shared, and the error is that of seeds."""
    runs = _runs(1)
    folds, seeds = (
        _judge(("name", "x_id", column, "acc"), runs, None).report for column in ("fold", "seed")
    )
    assert not [text for text in seeds.remarks if "folds" in text]
    (with_folds,), (with_seeds,) = folds.comparison.tricks, seeds.comparison.tricks
    assert with_folds.error is not None
    assert with_seeds.error is not None
    assert with_folds.error > 1.4 * with_seeds.error


def test_folds_in_names_are_folds() -> None:
    """`mixup-fold3` says so as a column does."""
    rows = [(f"{name}-fold{fold}", value) for name, _, fold, value in _runs(1)]
    judged = _judge(("name", "acc"), rows, None)
    assert judged.columns.fold == "seed"
    assert any(text.startswith(REMARK) for text in judged.report.remarks)
