"""What tricks probably do: calibrated, drawn towards nothing, and worth more than proof alone."""

from __future__ import annotations

import numpy as np
import pytest

from darkmagic.checklist.compare.costs import Ratio
from darkmagic.checklist.compare.outlook import outlooks
from darkmagic.checklist.stats.effects import estimate_effects
from darkmagic.checklist.stats.linear import Run
from darkmagic.checklist.stats.posterior import estimate_posterior
from darkmagic.checklist.stats.step_down import test_together as judged_together

TRICKS, SEEDS, TABLES = 15, 5, 60


def _runs(gains: np.ndarray, rng: np.random.Generator, seeds: int = SEEDS) -> list[Run]:
    table = 90 + np.r_[0, gains][:, None] + rng.normal(0, 0.2, (len(gains) + 1, seeds))
    return [Run(t, s, float(table[t, s])) for t in range(len(gains) + 1) for s in range(seeds)]


def test_probabilities_are_calibrated_and_intervals_cover() -> None:
    """Of rows called helpful at 75 % or more, as many help; 95 % intervals cover about 95 %."""
    rng = np.random.default_rng(0)
    said, helped, covered, error, raw = [], [], [], 0.0, 0.0
    for _ in range(TABLES):
        gains = rng.normal(0, 0.3, TRICKS)
        effects = estimate_effects(_runs(gains, rng))
        posterior = estimate_posterior(effects)
        assert posterior is not None
        low, high = np.percentile(posterior.draws, [2.5, 97.5], axis=0)
        covered += ((low <= gains) & (gains <= high)).tolist()
        said += (posterior.draws > 0).mean(0).tolist()
        helped += (gains > 0).tolist()
        error += float(((posterior.draws.mean(0) - gains) ** 2).sum())
        seen = np.array([effects.by_trial[t].difference for t in posterior.trials])
        raw += float(((seen - gains) ** 2).sum())
    likely = np.array(said) >= 0.75
    assert np.array(helped)[likely].mean() == pytest.approx(np.array(said)[likely].mean(), abs=0.05)
    assert 0.88 <= np.mean(covered) <= 0.98
    assert error < 0.9 * raw


def test_taking_what_probably_helps_leaves_less_than_taking_what_is_proved() -> None:
    """Five of fifteen tricks gain 0.3 points: their gains that are left on the table."""
    rng = np.random.default_rng(1)
    gains = np.r_[np.full(5, 0.3), np.zeros(10)]
    left = {"probable": 0.0, "proved": 0.0}
    for _ in range(TABLES):
        effects = estimate_effects(_runs(gains, rng))
        posterior = estimate_posterior(effects)
        assert posterior is not None
        left["probable"] += gains[(posterior.draws > 0).mean(0) < 0.75].sum() / TABLES
        tested = judged_together(effects, range(1, TRICKS + 1), 0.04)
        proved = np.array([t is not None and t.p_value < 0.04 for t in tested])
        left["proved"] += gains[~proved].sum() / TABLES
    assert left["probable"] < 0.35
    assert left["proved"] > 0.8


def test_estimates_are_drawn_towards_nothing_in_proportion_to_noise() -> None:
    """Each between 0 and what was seen, apart from the baseline's luck; nothing without errors."""
    rng = np.random.default_rng(2)
    effects = estimate_effects(_runs(np.zeros(TRICKS), rng))
    posterior = estimate_posterior(effects)
    assert posterior is not None
    seen = np.array([effects.by_trial[t].difference for t in posterior.trials])
    assert np.abs(posterior.draws.mean(0)).max() < 0.5 * np.abs(seen).max()
    assert estimate_posterior(estimate_effects(_runs(np.zeros(3), rng, seeds=1))) is None
    again = estimate_posterior(effects)
    assert again is not None
    assert (again.draws == posterior.draws).all()


def test_probability_of_the_best_of_a_trick_counts_the_baselines_option() -> None:
    """Over a trick's options and the baseline's they sum to 1; a clear winner has nearly all."""
    rng = np.random.default_rng(3)
    effects = estimate_effects(_runs(np.array([1.0, 0.0, 0.02, -0.5]), rng))
    found, front = outlooks(effects, [None, "a", "a", "b", "b"], {0: Ratio(1.0), 1: Ratio(1.0)})
    assert found[1].best > 0.99
    assert found[1].best + found[2].best <= 1
    assert 0.05 < found[3].best < 0.95
    assert found[4].best < 0.1
    assert front[1] > 0.99
    assert front[0] < 0.01
    assert all(row.low <= row.gain <= row.high for row in found.values())
