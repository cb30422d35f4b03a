"""Seeds that validate on folds of one set: their training sets overlap, and errors allow for it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from darkmagic.checklist.stats.effects import estimate_effects
from darkmagic.checklist.stats.linear import Run

IMAGES, FOLDS = 120, 5
OVERLAP = 1 / (FOLDS - 1)


def _cross_validated(rng: np.random.Generator, repetitions: int) -> NDArray[np.float64]:
    """Return the accuracies (2, blocks), in percent, of two classifiers that are equally good.

    Each knows the classes by the means of six features of its own, drawn alike, of one set;
    a block trains on all folds but one, which it is tested on.
    """
    classes = np.arange(IMAGES) % 2
    features = rng.normal(size=(2, IMAGES, 6)) + 0.35 * (2 * classes - 1)[None, :, None]
    found = []
    for _ in range(repetitions):
        fold_of = np.empty(IMAGES, int)
        for cls in (0, 1):
            members = np.flatnonzero(classes == cls)
            fold_of[members] = rng.permutation(len(members)) % FOLDS
        for fold in range(FOLDS):
            train, test = fold_of != fold, fold_of == fold
            low = features[:, train & (classes == 0)].mean(1)
            high = features[:, train & (classes == 1)].mean(1)
            scores = np.einsum("tnf,tf->tn", features[:, test], high - low)
            middle = ((low + high) / 2 * (high - low)).sum(1)
            found.append(100 * ((scores > middle[:, None]) == classes[test]).mean(1))
    return np.array(found).T


def _false_claims(repetitions: int, overlap: float, tables: int) -> float:
    rng = np.random.default_rng(0)
    claims = 0
    for _ in range(tables):
        values = _cross_validated(rng, repetitions)
        runs = [Run(trial, block, v) for trial in (0, 1) for block, v in enumerate(values[trial])]
        effect = estimate_effects(runs, 100 * FOLDS / IMAGES, overlap).by_trial[1]
        assert effect.p_value is not None
        claims += effect.p_value < 0.05
    return claims / tables


def test_repeated_folds_claim_too_much_without_the_correction() -> None:
    """Of classifiers that are equally good, three times five folds call one better in 3 of 10."""
    assert _false_claims(3, 0.0, 100) > 0.18
    assert _false_claims(3, OVERLAP, 100) <= 0.1


def test_variance_is_that_of_nadeau_and_bengio() -> None:
    """s^2 (1 / J + n2 / n1) of a difference; differences share the baseline's part of it."""
    rng = np.random.default_rng(1)
    runs = [Run(trial, seed, 90 + rng.normal()) for trial in range(4) for seed in range(5)]
    plain, corrected = (estimate_effects(runs, 0.0, overlap) for overlap in (0.0, OVERLAP))
    for trial in (1, 2, 3):
        one, other = plain.by_trial[trial], corrected.by_trial[trial]
        assert one.difference == other.difference
        assert one.error is not None
        assert other.error is not None
        assert other.error**2 / one.error**2 == pytest.approx((1 / 5 + OVERLAP) / (1 / 5))
    assert plain.covariance is not None
    assert corrected.covariance is not None
    assert np.allclose(corrected.covariance, plain.covariance * (1 + 5 * OVERLAP))
