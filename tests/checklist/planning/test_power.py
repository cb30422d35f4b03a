"""What seeds buy: what is promised against simulations."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.planning import power
from darkmagic.checklist.planning.settle import MAX_MORE_SEEDS, settlement
from darkmagic.checklist.stats.effects import estimate_effects
from darkmagic.checklist.stats.step_down import test_together as judged_together
from records import SMALL, swept
from simulation import LEVEL, SPREAD, TRICKS, Setting, draw

REPEATS = 200


@pytest.mark.parametrize(("seeds", "effect"), [(2, 1.0), (3, 0.70), (5, 0.51), (10, 0.345)])
def test_detectable_effects_are_the_documented_ones(seeds: int, effect: float) -> None:
    """At a spread of 0.2 points and 15 tricks, a first look detects what the docs name."""
    planned = power.detectable(power.Setting(15, seeds, seeds), SPREAD)
    assert planned == pytest.approx(effect, rel=0.03)


@pytest.mark.parametrize(("seeds", "baseline_runs"), [(2, 2), (3, 6), (5, 5)])
def test_detectable_effect_is_found_four_times_in_five(seeds: int, baseline_runs: int) -> None:
    """Sweeps with one trick that gains what the plan names find it in 80 % of tables."""
    setting = Setting(seeds, baseline_repeats=baseline_runs)
    gain = power.detectable(power.Setting(TRICKS, seeds, baseline_runs), SPREAD)
    assert gain is not None
    rng = np.random.default_rng(5)
    found = 0
    for repeat in range(REPEATS):
        own = repeat % TRICKS
        gains = np.zeros(TRICKS + 1)
        gains[1 + own] = gain
        effects = estimate_effects(draw(setting, rng, gains))
        tested = judged_together(effects, range(1, TRICKS + 1), LEVEL)[own]
        assert tested is not None
        found += tested.p_value < LEVEL and tested.interval[0] >= 0
    assert 100 * found / REPEATS == pytest.approx(80, abs=3 * 100 * (0.16 / REPEATS) ** 0.5)


@pytest.mark.parametrize(
    ("seeds", "baseline_runs", "width", "runs"),
    [(1, 3, 2.34, 18), (1, 10, 0.87, 25), (3, 6, 0.45, 51)],
)
def test_baseline_repeats_narrow_intervals(
    seeds: int, baseline_runs: int, width: float, runs: int
) -> None:
    """Half widths at a spread of 0.2 points are the documented ones."""
    setting = power.Setting(15, seeds, baseline_runs)
    assert power.half_width(setting, SPREAD) == pytest.approx(width, rel=0.07)
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


def _undecided(gain: float, seed: int, min_effect: float = 0.1):  # noqa: ANN202
    """Return the comparison of a sweep of 3 seeds, and a row of it with a true gain."""
    table = np.random.default_rng(seed).normal(90, 0.2, (5, 3))
    table[1] += gain
    names = ("baseline", "lr=cosine", "mixup=on", "stem=relu", "stem=swish")
    comparison = compare(SMALL, swept(dict(zip(names, table, strict=True))), Rules(min_effect))
    return comparison, comparison.tricks[0]


@pytest.mark.weekly
def test_promised_seeds_settle_a_row_as_often_as_promised() -> None:
    """Over sweeps whose gains are drawn at random, the next look decides it at least so often."""
    rng = np.random.default_rng(0)
    promised, kept = [], []
    for seed in range(300):
        gain = float(rng.normal(0, 0.4))
        comparison, row = _undecided(gain, seed)
        plan = settlement(row, comparison)
        if plan is None:
            continue
        promised.append(plan.probability)
        new = np.random.default_rng(1000 + seed).normal(90, 0.2, (2, plan.more))
        new[1] += gain
        later = [
            dataclasses.replace(record, look=2, seed=3 + record.seed)
            for record in swept({"baseline": new[0], "lr=cosine": new[1]})
        ]
        first = swept({r.name: list(r.accuracies.values()) for r in comparison.rows})
        again = compare(SMALL, [*first, *later])
        kept.append(again.tricks[0].verdict is not Verdict.UNDECIDED)
    assert len(kept) > 20
    assert -0.15 < np.mean(kept) - np.mean(promised) < 0.3


def test_no_number_of_seeds_is_named_for_an_effect_near_nothing() -> None:
    """Neither a decided row nor one that gains next to nothing gets a promise."""
    comparison, row = _undecided(0.0, 2)
    assert row.verdict is Verdict.UNDECIDED
    assert settlement(row, comparison) is None
    comparison, row = _undecided(5.0, 3)
    assert row.verdict is Verdict.BETTER
    assert settlement(row, comparison) is None
    comparison, row = _undecided(0.0, 2, min_effect=0.7)
    plan = settlement(row, comparison)
    assert row.verdict is not Verdict.UNDECIDED or (plan and plan.more <= MAX_MORE_SEEDS)


def test_promised_seeds_cost_no_runs_that_the_baseline_has() -> None:
    """The price counts the row's new seeds, and of the baseline those that it lacks."""
    comparison, row = next(
        found for seed in range(40) if settlement((found := _undecided(0.35, seed))[1], found[0])
    )
    plan = settlement(row, comparison)
    assert plan is not None
    assert plan.runs == 2 * plan.more
    baseline = dict.fromkeys(range(5), 90.0)
    rows = (dataclasses.replace(comparison.baseline, accuracies=baseline), *comparison.tricks)
    again = settlement(row, dataclasses.replace(comparison, rows=rows))
    assert again is not None
    assert again.runs == plan.more + max(plan.more - 2, 0)
