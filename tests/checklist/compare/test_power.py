"""What seeds buy: closed forms against simulations."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from darkmagic.checklist.compare import power
from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.verdicts import Verdict, minimum_detectable_effect
from darkmagic.checklist.stats.alpha_spending import ALPHA
from records import SMALL, simulated
from simulation import (
    GAIN,
    SPREAD,
    TRICKS,
    Setting,
    simulate,
)

REPEATS = 600
"""Enough for a standard error of 0.9 points at 5 %; docs/statistics.md has more."""


@pytest.mark.parametrize(("seeds", "effect"), [(2, 0.87), (3, 0.66), (5, 0.49), (10, 0.34)])
def test_minimum_detectable_effects_are_the_documented_ones(seeds: int, effect: float) -> None:
    """At a spread of 0.2 points and 15 tricks, one look detects the effects that the docs name."""
    setting = power.Setting(15, seeds, seeds)
    found = minimum_detectable_effect(SPREAD * setting.error, setting.df, ALPHA / 15)
    assert found == pytest.approx(effect, abs=0.006)
    planned = power.detectable(setting, SPREAD)
    assert planned is not None
    assert found < planned < 1.04 * found


@pytest.mark.parametrize(
    ("seeds", "baseline_runs", "width", "runs"),
    [(1, 3, 1.0, 18), (1, 10, 0.5, 25), (3, 6, 0.29, 51)],
)
def test_baseline_repeats_narrow_intervals(
    seeds: int, baseline_runs: int, width: float, runs: int
) -> None:
    """Half widths at a spread of 0.2 points are the documented ones."""
    setting = power.Setting(15, seeds, baseline_runs)
    assert power.half_width(setting, SPREAD) == pytest.approx(width, abs=0.03)
    assert setting.runs == runs
    assert power.detectable(power.Setting(15, 1, 1), SPREAD) is None


def test_luck_of_single_runs_is_as_documented() -> None:
    """15 useless tricks have a best of +0.35 on average, and +0.3 or more in 58 tables of 100."""
    largest, chance = power.best_of_chance(15, 0.2, 0.3)
    assert (round(largest, 2), round(chance, 2)) == (0.35, 0.58)
    rng = np.random.default_rng(0)
    best = (0.2 * (rng.normal(size=(20000, 15)) - rng.normal(size=(20000, 1)))).max(1)
    assert best.mean() == pytest.approx(largest, abs=0.01)
    assert (best >= 0.3).mean() == pytest.approx(chance, abs=0.02)


def test_undecided_row_needs_enough_seeds_to_be_detected() -> None:
    """The seeds that settle a row find its difference four times in five at the next look."""
    comparison = compare(SMALL, simulated(SMALL, 2, {"lr=cosine": 0.5}, images=None))
    row = next(r for r in comparison.tricks if r.name == "lr=cosine")
    assert row.verdict is Verdict.UNDECIDED
    seeds = power.seeds_to_settle(row, comparison)
    assert seeds is not None
    assert row.error is not None
    assert row.difference is not None
    for number, enough in ((seeds, True), (seeds - 1, False)):
        setting = power.Setting(4, number, number)
        smallest = power.detectable(setting, row.error, look=2)
        assert smallest is not None
        assert (smallest <= row.difference) is enough or number <= 2


@pytest.mark.parametrize("seeds", [5, 10])
def test_simulated_power_is_what_the_plan_says(seeds: int) -> None:
    """The share found of a gain of 0.3 is the noncentral t's of the first step of Holm's."""
    setting = power.Setting(TRICKS, seeds, seeds)
    limit = stats.t.ppf(1 - ALPHA / TRICKS / 2, setting.df)
    expected = 100 * stats.nct.sf(limit, setting.df, GAIN / (SPREAD * setting.error))
    outcome = simulate(Setting(seeds), REPEATS)
    assert expected - 6 <= outcome.power <= expected + 12  # later steps of Holm's find more
