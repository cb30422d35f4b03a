"""Differences tested together: Dunnett's tables, scipy, and what must hold of any p values."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from darkmagic.checklist.stats.effects import estimate_effects
from darkmagic.checklist.stats.linear import Run
from darkmagic.checklist.stats.step_down import adjust, critical_level
from darkmagic.checklist.stats.step_down import test_together as judged_together

HALF = 0.5**0.5
DUNNETT = [
    (2, 5, 0.05, 3.03),
    (3, 10, 0.05, 2.76),
    (5, 20, 0.05, 2.73),
    (9, 60, 0.05, 2.77),
    (9, np.inf, 0.05, 2.69),
    (2, 5, 0.01, 4.63),
    (4, 20, 0.01, 3.40),
]
"""Two-sided critical values for k treatments: Dunnett 1964, "New tables for multiple comparisons
with a control", Biometrics 20, tables II and III."""


@pytest.mark.parametrize(("count", "df", "level", "value"), DUNNETT)
def test_critical_values_are_dunnetts(count: int, df: float, level: float, value: float) -> None:
    """The p value of one step, as a t, is the printed critical value."""
    p = critical_level(level, count, HALF, df)
    t = stats.norm.isf(p / 2) if np.isinf(df) else stats.t.isf(p / 2, df)
    assert t == pytest.approx(value, abs=0.012)


@pytest.mark.parametrize("seed", range(3))
def test_step_down_matches_scipys_dunnett_step_by_step(seed: int) -> None:
    """The smallest p value is Dunnett's, and each next one Dunnett's without those before."""
    rng = np.random.default_rng(seed)
    tricks = [rng.normal(90 + 0.1 * i, 0.2, 5) for i in range(5)]
    baseline = rng.normal(90, 0.2, 5)
    variance = np.mean([runs.var(ddof=1) for runs in (*tricks, baseline)])
    t = np.array([runs.mean() - baseline.mean() for runs in tricks]) / np.sqrt(variance * 2 / 5)
    p_values = (2 * stats.t.sf(np.abs(t), 24)).tolist()
    found = np.array(adjust(p_values, [HALF] * 5, 24))
    whole = stats.dunnett(*tricks, control=baseline, rng=np.random.default_rng(0)).pvalue
    first = int(np.argmin(p_values))
    assert found[first] == pytest.approx(whole[first], abs=0.003)
    # Later steps: scipy pools the spread of what it is given, so the integral is drawn here.
    luck, own = rng.standard_normal((400_000, 1)), rng.standard_normal((400_000, 5))
    scale = np.sqrt(rng.chisquare(24, (400_000, 1)) / 24)
    largest = np.abs(HALF * luck + HALF * own) / scale
    order, highest = np.argsort(p_values), 0.0
    for step, index in enumerate(order):
        exceeded = (largest[:, : 5 - step].max(1) >= abs(t[index])).mean()
        highest = max(highest, float(exceeded))
        assert found[index] == pytest.approx(highest, abs=0.004)


def test_adjusted_p_values_are_ordered_and_between_their_bounds() -> None:
    """Never below the raw p values, never above Holm's, and in their order."""
    rng = np.random.default_rng(1)
    for _ in range(20):
        raw = rng.random(8) ** 3
        loadings = rng.uniform(0, 0.9, 8)
        found = np.array(adjust(raw.tolist(), loadings.tolist(), float(rng.integers(2, 60))))
        order = np.argsort(raw)
        assert (np.diff(found[order]) >= 0).all()
        holm = np.minimum(np.maximum.accumulate(raw[order] * np.arange(8, 0, -1)), 1)
        assert (found[order] <= holm * 1.001 + 1e-9).all()
        assert (found >= raw - 1e-12).all()


@pytest.mark.parametrize("df", [1, 2, 5, 60, np.inf])
@pytest.mark.parametrize("p", [0.3, 1e-3, 1e-6, 1e-10])
def test_one_test_is_not_adjusted(df: float, p: float) -> None:
    """With a single row the adjusted p value is its own, however small and at any spread."""
    assert adjust([p], [HALF], df) == pytest.approx([p], rel=0.01)


def test_rows_without_result_count_as_if_tested() -> None:
    """A failed row changes the others' p values as another row without effect would."""
    assert adjust([0.01, None], [0.7, None])[0] == pytest.approx(adjust([0.01, 1], [0.7, 0.7])[0])
    assert adjust([], []) == []
    assert adjust([None], [None]) == [1.0]


def test_intervals_hold_together_and_leave_out_zero_where_claimed() -> None:
    """At 95 %, all intervals of a table cover in about 95 % of tables of real differences."""
    rng = np.random.default_rng(2)
    gains = np.r_[0, 0.3, 0.6, 0, 0, 0, -0.5]
    held = 0
    for _ in range(300):
        table = 90 + gains[:, None] + rng.normal(0, 0.2, (7, 4))
        runs = [Run(t, s, float(table[t, s])) for t in range(7) for s in range(4)]
        tested = judged_together(estimate_effects(runs), range(1, 7), 0.05)
        ends = [t.interval for t in tested if t is not None]
        held += all(low <= g <= high for (low, high), g in zip(ends, gains[1:], strict=True))
        for found, (low, high) in zip(tested, ends, strict=True):
            assert found is not None
            assert (found.p_value < 0.05) == (not low < 0 < high)
    assert held / 300 >= 0.95 - 2.5 * (0.05 * 0.95 / 300) ** 0.5
