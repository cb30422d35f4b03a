"""The fit that eliminates trials, against dense least squares, on tables with missing runs."""

from __future__ import annotations

import numpy as np
import pytest
import statsmodels.api as sm

from darkmagic.checklist.stats.effects import _satterthwaite, estimate_effects
from darkmagic.checklist.stats.linear import Design, Run, designs, fit
from darkmagic.checklist.stats.spread import Spread


def _holes(rng: np.random.Generator) -> list[Run]:
    """Return runs of 8 trials and 6 seeds, some missing, repeated, or of the baseline only."""
    missing = rng.random((8, 6)) < 0.25
    missing[:, 0] = missing[0] = False
    values = rng.normal(90, 0.3, (8, 6)) + rng.normal(0, 0.5, 6)
    runs = [Run(t, s, values[t, s]) for t in range(8) for s in range(6) if not missing[t, s]]
    return [*runs, Run(2, 0, 90.4), Run(0, 8, 89.9), Run(0, 9, 90.2)]


def _dense(design: Design) -> np.ndarray:
    """Return the design matrix (runs, 1 + trials + seeds), which `fit` does not build."""
    columns = [np.ones(len(design.runs))]
    columns += [[run.trial == trial for run in design.runs] for trial in design.trials]
    columns += [[run.seed == seed for run in design.runs] for seed in design.seed_effects]
    return np.column_stack(columns).astype(float)


@pytest.mark.parametrize("blocked", [True, False], ids=["blocked", "unblocked"])
@pytest.mark.parametrize("seed", range(5))
def test_fit_matches_dense_least_squares(seed: int, blocked: bool) -> None:
    """Estimates, residuals, leverages and the weight of each run are equal up to rounding."""
    design = fit(_holes(np.random.default_rng(seed)), blocked=blocked)
    matrix = _dense(design)
    count = len(design.trials)
    reference = sm.OLS([run.accuracy for run in design.runs], matrix).fit(method="qr")
    near = {"rel": 1e-9, "abs": 1e-9}
    assert design.effects == pytest.approx(reference.params[1 : 1 + count], **near)
    levels = list(design.seed_effects.values())
    assert levels == pytest.approx(reference.params[1 + count :].tolist(), **near)
    assert design.residuals == pytest.approx(reference.resid, **near)
    assert design.leverages == pytest.approx(reference.get_influence().hat_matrix_diag, **near)
    assert design.df == reference.df_resid
    weights = design.shared[design.group_of]
    for place, runs in enumerate(design.counts):
        weights[place, design.trial_of == place + 1] += 1 / runs
    dense = (reference.normalized_cov_params @ matrix.T)[1 : 1 + count]
    assert weights == pytest.approx(dense, **near)


@pytest.mark.parametrize("seed", range(5))
def test_covariance_matches_dense_weights(seed: int) -> None:
    """If trials' spreads differ, the covariance and its diagonal equal those of dense weights."""
    rng = np.random.default_rng(seed)
    runs = [Run(r.trial, r.seed, 90 + (r.accuracy - 90) * 3**r.trial) for r in _holes(rng)]
    effects = estimate_effects(runs)
    design = next(d for d in designs(runs) if d.blocked is effects.blocked)
    matrix = _dense(design)
    weights = np.linalg.pinv(matrix)[1 : 1 + len(design.trials)]
    assert effects.joint is not None
    # The variances that were taken, worked out from what is kept of them.
    own = effects.joint.own * design.counts
    baseline = (effects.covariance - np.diag(effects.joint.own))[0, 0]
    shared = weights[0] - (design.trial_of == 1) / design.counts[0]
    of_others = sum(
        v * (shared[design.trial_of == place] ** 2).sum() for place, v in enumerate(own, start=1)
    )
    own = [(baseline - of_others) / (shared[design.trial_of == 0] ** 2).sum(), *own]
    variances = np.array(own)[design.trial_of]
    covariance = (weights * variances) @ weights.T
    assert effects.covariance == pytest.approx(covariance, rel=1e-8)
    errors = [effects.by_trial[trial].error for trial in design.trials]
    assert errors == pytest.approx(np.sqrt(np.diag(covariance)), rel=1e-8)


def test_degrees_of_freedom_match_dense_weights() -> None:
    """Satterthwaite's formula gives the same over a dense matrix of trials and runs."""
    rng = np.random.default_rng(0)
    design = fit(_holes(rng), blocked=True)
    trials = [0, *design.trials]
    spreads = {t: Spread(*rng.uniform(0.5, 5, 2).tolist()) for t in trials}
    weights = np.linalg.pinv(_dense(design))[1 : 1 + len(design.trials)]
    variances = np.array([spreads[run.trial].variance for run in design.runs])
    of_trial = np.array([[run.trial == trial for trial in trials] for run in design.runs])
    parts = (weights**2 * variances) @ of_trial.astype(float)
    spent = (parts**2 / [spreads[trial].df for trial in trials]).sum(1)
    expected = parts.sum(1) ** 2 / spent
    assert _satterthwaite(design, spreads, 1e9) == pytest.approx(expected, rel=1e-9)
