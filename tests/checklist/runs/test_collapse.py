"""Runs that fell far below the others of their row: counted, and left out of a second estimate."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.report.writers.data import to_json
from darkmagic.checklist.report.writers.html import to_html
from darkmagic.checklist.runs.collapse import find_collapsed
from records import SMALL, report_of, swept

NAMES = ("baseline", "lr=cosine", "mixup=on", "stem=relu", "stem=swish")


def _table(seeds: int, seed: int = 0, fallen: tuple[int, ...] = ()) -> dict[str, list[float]]:
    """Return accuracies that spread by 0.2 points; mixup=on gains 1 point, and falls at times."""
    table = np.random.default_rng(seed).normal(90, 0.2, (len(NAMES), seeds))
    table[2] += 1.0
    table[2, list(fallen)] -= 12.0
    return dict(zip(NAMES, table.tolist(), strict=True))


@pytest.mark.parametrize("fallen", [(0,), (3,), (1, 4)])
def test_collapsed_runs_are_counted_and_the_others_estimated_apart(fallen: tuple[int, ...]) -> None:
    """How often and what it gains when it does not are in the row, the notes and every format."""
    report = report_of(swept(_table(5, fallen=fallen)))
    found = next(row for row in report.comparison.rows if row.name == "mixup=on").collapse
    assert found is not None
    assert (found.collapsed, found.runs) == (len(fallen), 5)
    assert found.gain == pytest.approx(1.0, abs=0.4)
    assert found.interval is not None
    assert found.interval[0] < 1.0 < found.interval[1]
    said = f"mixup=on: {len(fallen)} of 5 runs collapsed"
    assert any(note.startswith(said) for note in report.notes)
    (row,) = [r for r in json.loads(to_json(report))["rows"] if r["trial"] == "mixup=on"]
    assert row["collapsed_runs"] == len(fallen)
    assert row["gain_without_collapses_points"] == pytest.approx(found.gain)
    assert f"{len(fallen)} of 5 runs; the others" in to_html(report)
    assert all(r.collapse is None for r in report.comparison.rows if r.name != "mixup=on")


@pytest.mark.parametrize("status", [Status.DIVERGED, Status.FINISHED])
def test_diverged_runs_and_runs_at_chance_are_collapses_too(status: Status) -> None:
    """A run without a result counts as one that collapsed, if the recipe is what ended it."""

    def ended(r: TrialRecord) -> TrialRecord:
        if (r.name, r.seed) != ("mixup=on", 2):
            return dataclasses.replace(r, classes=10)
        accuracy = 0.1 if status is Status.FINISHED else None
        return dataclasses.replace(r, classes=10, status=status, accuracy=accuracy)

    row = compare(SMALL, swept(_table(5), ended)).rows[2]
    assert row.collapse is not None
    assert (row.collapse.collapsed, row.collapse.runs) == (1, 5)
    assert row.collapse.gain == pytest.approx(1.0, abs=0.4)


def test_fewer_than_five_runs_are_never_split() -> None:
    """Three runs of which one is far below the others are unstable, not said to collapse."""
    rows = compare(SMALL, swept(_table(3, fallen=(1,)))).rows
    assert all(row.collapse is None for row in rows)


@pytest.mark.parametrize(("width", "most"), [(1.0, 0.001), (3.0, 0.02)])
def test_rows_without_a_collapse_are_hardly_ever_said_to_have_one(
    width: float, most: float
) -> None:
    """Normal runs, also of a row that spreads three times as widely as usual."""
    rng = np.random.default_rng(0)
    rows = 2000
    said = sum(
        bool(find_collapsed(dict(enumerate(rng.normal(90, 0.2 * width, 5))), 0.2))
        for _ in range(rows)
    )
    assert said / rows <= most
