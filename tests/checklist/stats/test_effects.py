"""The linear model against statsmodels, scipy and published analyses."""

from __future__ import annotations

import math

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm
import statsmodels.formula.api as smf
from scipy import stats

from darkmagic.checklist.stats.effects import estimate_effects
from darkmagic.checklist.stats.linear import Run, designs, fit, seed_variance
from darkmagic.checklist.stats.spread import Spread, find_unstable, moderate, prior_df


def _runs(table: np.ndarray) -> list[Run]:
    """Make runs of a table (trials, seeds)."""
    return [
        Run(trial, seed, float(accuracy))
        for trial, row in enumerate(table)
        for seed, accuracy in enumerate(row)
        if not math.isnan(accuracy)
    ]


def test_effects_and_intervals_match_statsmodels() -> None:
    """If spreads differ by chance only, results equal OLS with trial and seed as factors."""
    table = np.random.default_rng(7).normal(90, 0.2, (16, 5)) + np.arange(5) / 10
    effects = estimate_effects(_runs(table))
    assert effects.prior_df == math.inf
    rows = pd.DataFrame(
        [(t, s, table[t, s]) for t in range(16) for s in range(5)], columns=["t", "s", "y"]
    )
    reference = smf.ols("y ~ C(t) + C(s)", rows).fit()
    ends = reference.conf_int()
    for trial in range(1, 16):
        effect = effects.by_trial[trial]
        name = f"C(t)[T.{trial}]"
        assert effect.difference == pytest.approx(reference.params[name])
        assert effect.error == pytest.approx(reference.bse[name])
        assert effect.p_value == pytest.approx(reference.pvalues[name])
        assert effect.interval() == pytest.approx(tuple(ends.loc[name]))


def test_two_trials_match_the_paired_t_test() -> None:
    """With one trick the model equals Student's paired t-test."""
    table = np.random.default_rng(1).normal(90, 0.3, (2, 6))
    effect = estimate_effects(_runs(table)).by_trial[1]
    reference = stats.ttest_rel(table[1], table[0])
    assert effect.p_value == pytest.approx(reference.pvalue)
    assert effect.interval() == pytest.approx(tuple(reference.confidence_interval(0.95)))


def test_effects_of_unbalanced_table_match_statsmodels() -> None:
    """Differences of a table with missing runs equal those of statsmodels."""
    table = np.random.default_rng(2).normal(90, 0.2, (4, 4)) + np.arange(4)
    table[1, 0] = table[2, 3] = math.nan
    effects = estimate_effects(_runs(table))
    rows = pd.DataFrame([(r.trial, r.seed, r.accuracy) for r in _runs(table)], columns=list("tsy"))
    reference = smf.ols("y ~ C(t) + C(s)", rows).fit()
    for trial in (1, 2, 3):
        assert effects.by_trial[trial].difference == pytest.approx(
            reference.params[f"C(t)[T.{trial}]"]
        )


PENICILLIN = np.array(
    [[89, 84, 81, 87, 79], [88, 77, 87, 92, 81], [97, 92, 87, 89, 80], [94, 79, 85, 84, 88]], float
)
"""Yields of four treatments in five blends: Box, Hunter & Hunter 2005, table 4.4."""


def test_published_randomised_block_analysis_is_reproduced() -> None:
    """Sums of squares, F values and differences equal the printed ones."""
    blocked = fit(_runs(PENICILLIN), blocked=True)
    residual = float(blocked.residuals @ blocked.residuals)
    within = fit(_runs(PENICILLIN), blocked=False)
    blends = float(within.residuals @ within.residuals) - residual
    treatments = 5 * float(((PENICILLIN.mean(1) - PENICILLIN.mean()) ** 2).sum())
    assert (round(treatments), round(blends), round(residual)) == (70, 264, 226)
    assert blocked.df == 12
    assert round(treatments / 3 / blocked.variance, 2) == 1.24
    assert round(blends / 4 / blocked.variance, 2) == pytest.approx(3.50)
    assert round(math.sqrt(blocked.variance), 2) == 4.34
    assert blocked.effects == pytest.approx([1, 5, 2])


def test_published_comparison_of_optimizers_is_reproduced() -> None:
    """ALM against AdamW, ResNet-18 on CIFAR-10, five paired seeds (alm-optimizer-bench, README).

    It prints means 0.9035 and 0.9012, a difference of -0.0022 and a permutation p of 0.508.
    """
    adamw = [0.9031, 0.8963, 0.9044, 0.9081, 0.9055]
    alm = [0.9012, 0.9055, 0.8958, 0.9043, 0.8994]
    effect = estimate_effects(_runs(100 * np.array([adamw, alm]))).by_trial[1]
    assert round(effect.difference / 100, 4) == -0.0022
    assert effect.p_value == pytest.approx(0.508, abs=0.01)


def test_seed_variance_is_the_anova_estimate() -> None:
    """For a balanced table it is (mean square of seeds - residual mean square) / trials."""
    table = np.random.default_rng(3).normal(90, 0.2, (6, 4)) + np.arange(4)
    design = fit(_runs(table), blocked=True)
    between = 6 * table.mean(0).var(ddof=1)
    assert seed_variance(design) == pytest.approx((between - design.variance) / 6)


def test_one_seed_gives_differences_without_errors() -> None:
    """With one seed no spread can be estimated, so that differences have no error."""
    effects = estimate_effects(_runs(np.array([[90.0], [91.0], [89.5]])))
    assert effects.by_trial[1].difference == pytest.approx(1.0)
    assert effects.by_trial[1].error is None
    assert effects.spread is None


def test_baseline_repeats_give_the_error_of_single_seed_tricks() -> None:
    """With R baseline runs, a trick of one seed has error s * sqrt(1 + 1/R) and R - 1 degrees."""
    baseline = [90.0, 90.3, 89.9, 90.2]
    runs = [Run(0, seed, accuracy) for seed, accuracy in enumerate(baseline)] + [Run(1, 0, 91.0)]
    effect = estimate_effects(runs).by_trial[1]
    spread = np.std(baseline, ddof=1)
    assert effect.difference == pytest.approx(91 - np.mean(baseline))
    assert effect.error == pytest.approx(spread * math.sqrt(1 + 1 / 4))
    assert effect.df == 3


def test_unpaired_baseline_runs_are_used_if_seeds_do_not_correlate() -> None:
    """All baseline runs are used if seeds do not correlate, and only paired runs if they do."""
    rng = np.random.default_rng(4)
    for shared, blocked in ((0.0, False), (3.0, True)):
        seed_luck = shared * rng.standard_normal(8)
        table = rng.normal(90, 0.2, (5, 8)) + seed_luck
        runs = [r for r in _runs(table) if r.trial == 0 or r.seed < 3]
        assert len(designs(runs)) == 2
        assert estimate_effects(runs).blocked is blocked


def test_trial_without_shared_seed_is_left_out() -> None:
    """A trick whose only seed no other trial has is not compared."""
    table = np.random.default_rng(5).normal(90, 0.2, (3, 3))
    runs = [*_runs(table), Run(3, 9, 95.0)]
    effects = estimate_effects(runs)
    assert set(effects.by_trial) == {1, 2}


def test_unstable_trial_is_excluded_from_pooled_spread() -> None:
    """The other trials' errors are those of a sweep without the unstable one."""
    table = np.random.default_rng(6).normal(90, 0.2, (16, 5))
    table[3] = [90, 95, 85, 98, 80]
    effects = estimate_effects(_runs(table))
    assert [t for t, e in effects.by_trial.items() if e.unstable] == [3]
    assert effects.spread is not None
    without = estimate_effects(_runs(np.delete(table, 3, axis=0)))
    assert effects.spread == pytest.approx(without.spread)
    assert effects.own_spreads[3] == pytest.approx(np.std(table[3], ddof=1), rel=0.05)


def test_trial_is_unstable_above_its_quantile_of_f() -> None:
    """A spread is compared with a pooled variance that is estimated from the median."""
    spreads = {trial: Spread(1.0, 4) for trial in range(9)}
    typical = 1.0 / (stats.chi2.ppf(0.5, 4) / 4)
    limit = typical * stats.f.ppf(1 - 0.02 / 10, 4, 36)
    assert find_unstable({**spreads, 9: Spread(0.99 * limit, 4)}) == set()
    assert find_unstable({**spreads, 9: Spread(1.01 * limit, 4)}) == {9}


def test_prior_df_is_recovered_from_simulated_spreads() -> None:
    """Variances drawn with 6 prior degrees of freedom give an estimate near 6 (Smyth 2004)."""
    rng = np.random.default_rng(8)
    true = 6 / rng.chisquare(6, 4000)
    seen = true * rng.chisquare(4, 4000) / 4
    assert prior_df([Spread(v, 4) for v in seen]) == pytest.approx(6, rel=0.1)
    equal = rng.chisquare(4, 4000) / 4
    assert prior_df([Spread(v, 4) for v in equal]) > 50


def test_moderated_variance_is_a_weighted_mean() -> None:
    """It is the posterior variance of Smyth 2004, with no more degrees of freedom than the pool."""
    found = moderate(Spread(4.0, 4), Spread(1.0, 60), 6.0)
    assert found.variance == pytest.approx((6 * 1 + 4 * 4) / 10)
    assert found.df == 10
    assert moderate(Spread(4.0, 4), Spread(1.0, 60), math.inf) == Spread(1.0, 60)


def test_equal_runs_give_no_difference() -> None:
    """A table of equal numbers gives a difference of 0 and p = 1."""
    effect = estimate_effects(_runs(np.full((3, 3), 90.0))).by_trial[1]
    assert (effect.difference, effect.p_value) == (0.0, 1.0)


def test_error_is_at_least_that_of_rounding() -> None:
    """Runs that agree by chance get the error of rounding to one image."""
    table = np.array([[90.0, 91.0], [91.0, 92.0]])
    effect = estimate_effects(_runs(table), resolution=1.0).by_trial[1]
    assert effect.error == pytest.approx(math.sqrt(2 / 12 / 2))
    assert effect.p_value is not None
    assert effect.p_value > 0.05


def test_covariance_of_effects_matches_statsmodels() -> None:
    """The covariance of differences that share the baseline equals that of statsmodels."""
    table = np.random.default_rng(7).normal(90, 0.2, (16, 5)) + np.arange(5) / 10
    effects = estimate_effects(_runs(table))
    trials = [np.repeat(np.arange(16), 5) == trial for trial in range(1, 16)]
    seeds = [np.tile(np.arange(5), 16) == seed for seed in range(1, 5)]
    design = np.column_stack([np.ones(80), *trials, *seeds]).astype(float)
    reference = sm.OLS(table.ravel(), design).fit()
    assert effects.covariance == pytest.approx(reference.cov_params()[1:16, 1:16])
