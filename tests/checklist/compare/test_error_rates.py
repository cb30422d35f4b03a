"""False claims and coverage of verdicts, simulated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from simulation import (
    Setting,
    as_markdown,
    false_claims_over_looks,
    simulate,
)

REPEATS = 250
"""Enough for a standard error of 1.4 points at 5 %; docs/statistics.md has more."""


SETTINGS = [
    Setting(2),
    Setting(3, correlation=0.5),
    Setting(5, correlation=0.5),
    Setting(10),
    Setting(5, spreads={3: 10.0}),
    Setting(5, missing=0.1),
    Setting(3, baseline_repeats=6),
]


@pytest.mark.parametrize("setting", SETTINGS, ids=str)
def test_intervals_cover_and_false_claims_stay_rare(setting: Setting) -> None:
    """95 % of intervals cover, and at most 5 % of tables claim falsely; the docs have the rest."""
    outcome = simulate(setting, REPEATS)
    assert outcome.coverage == pytest.approx(95, abs=1.5)
    assert outcome.false <= 5 + 2.5 * 100 * (0.05 * 0.95 / REPEATS) ** 0.5


def test_further_looks_keep_the_error_rate() -> None:
    """Three looks, with two seeds more for the undecided each, claim falsely in at most 5 %."""
    assert false_claims_over_looks(3, 2, 3, 200) <= 5 + 2.5 * 100 * (0.05 * 0.95 / 200) ** 0.5


def test_documented_simulations_are_the_committed_ones(repo: Path) -> None:
    """The tables of docs/statistics.md, and the claims about them, follow from the results."""
    content = json.loads((repo / "docs" / "results" / "statistics.json").read_text())
    assert as_markdown(content) in (repo / "docs" / "statistics.md").read_text()
    error = 100 * (0.05 * 0.95 / content["repeats"]) ** 0.5
    for row in content["rows"]:
        if row["label"] in ("equal spreads", "seeds correlate by 0.5"):
            assert row["coverage"] == pytest.approx(95, abs=2 * error)
            assert row["power"] > row["power_holm"]
            assert row["together"] >= 96 - 2 * error
            assert row["false"] <= 5
    assert all(row["false"] <= 5 + error for row in content["looks"])
