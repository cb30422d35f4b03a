"""Several experiments in one table, as rliable summarises them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.summary import summarise
from darkmagic.checklist.stats.robust import (
    interquartile_mean,
    next_experiment,
    probability_of_improvement,
)
from records import SMALL, simulated, swept

OWN = np.array([[1.32, 0.19, 0.41], [-0.98, -0.71, 0.12], [0.51, 0.18, 0.16],
                [0.02, -0.13, -0.03], [0.07, 1.96, -0.23]])  # fmt: skip


BASE = np.array([[-0.2, 0.01, 0.27], [0.24, 0.77, 0.97], [-0.12, 0.27, -0.13],
                 [0.48, -0.25, -0.12], [-0.1, -0.09, 0.5]])  # fmt: skip
"""Five tasks of three runs. rliable 1.2 gives an interquartile mean of 0.11 (95 %: -0.001 to
0.336) for the first, and 0.5556 (0.378 to 0.733) that it improves on the second.
"""


def test_robust_statistics_equal_those_of_rliable() -> None:
    """Interquartile mean and probability of improvement of one set of scores are rliable's."""
    assert interquartile_mean(OWN.ravel()) == pytest.approx(0.11)
    pairs = [probability_of_improvement(x, y) for x, y in zip(OWN, BASE, strict=True)]
    assert np.mean(pairs) == pytest.approx(0.5555555555555556)


def test_bootstrap_intervals_equal_those_of_rliable() -> None:
    """Intervals agree within simulation error, and constant baselines leave scores as they are."""
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


def test_summaries_are_sorted_by_gain() -> None:
    """The trial of the largest gain comes first, and no experiments give no summaries."""
    sweeps = {name: compare(SMALL, simulated(SMALL, 3, {"stem=relu": 2.0})) for name in "ab"}
    summaries = summarise(sweeps)
    assert summaries[0].name == "stem=relu"
    assert len(summaries) == 4
    assert summarise({}) == []


def test_next_experiment_is_covered_as_promised() -> None:
    """Effects that vary between experiments: the interval covers a new one in about 95 %."""
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(400):
        effects = rng.normal(0.3, 0.4, 9)
        errors = rng.uniform(0.1, 0.3, 8)
        found = next_experiment(effects[:8] + errors * rng.standard_normal(8), errors)
        assert found is not None
        covered += found.low <= effects[8] <= found.high
    assert covered / 400 == pytest.approx(0.95, abs=0.035)


def test_experiments_that_agree_differ_by_their_errors_alone() -> None:
    """Equal effects give no variance between, and the mean weighted by precision."""
    found = next_experiment(np.array([0.2, 0.2, 0.2]), np.array([0.1, 0.2, 0.1]))
    assert found is not None
    assert found.value == pytest.approx(0.2)
    error = 1 / (2 / 0.1**2 + 1 / 0.2**2)
    assert found.high - found.value == pytest.approx(stats.t.ppf(0.975, 1) * error**0.5)
    assert next_experiment(np.array([0.2, 0.3]), np.array([0.1, 0.1])) is None
