"""The error that comes from the choice of validation images."""

from __future__ import annotations

import numpy as np
import pytest

from darkmagic.checklist.stats.image_error import image_error


def test_image_error_is_the_spread_over_image_sets() -> None:
    """In a simulation the error is the spread of gains over sets of validation images."""
    rng = np.random.default_rng(2)
    images, seeds = 4000, 5

    def draw() -> tuple[dict[int, np.ndarray], dict[int, np.ndarray]]:
        easy = rng.beta(8, 1, images)
        helped = np.clip(easy + 0.03 * rng.random(images), 0, 1)
        return (
            {s: rng.random(images) < helped for s in range(seeds)},
            {s: rng.random(images) < easy for s in range(seeds)},
        )

    gains, errors = [], []
    for _ in range(60):
        own, baseline = draw()
        error = image_error(own, baseline)
        assert error is not None
        errors.append(error)
        gains.append(np.mean([own[s].mean() - baseline[s].mean() for s in range(seeds)]))
    # What other images change: the variance between sets, without the noise of the runs.
    noise = 2 * 0.08 / (images * seeds)
    assert 100 * max(np.var(gains) - noise, 0) ** 0.5 < 0.15
    assert np.mean(errors) < 0.15
    unpaired = 100 * (2 * 0.1 * 0.9 / images) ** 0.5
    assert np.mean(errors) < unpaired / 3


def test_image_error_counts_only_images_that_differ() -> None:
    """Two seeds that agree on the images that a trick wins give the error worked out by hand."""
    own = {s: np.array([True, True, True, False]) for s in (0, 1)}
    base = {s: np.array([True, True, False, False]) for s in (0, 1)}
    assert image_error(own, base) == pytest.approx(100 * (np.var([0, 0, 1, 0], ddof=1) / 4) ** 0.5)
    assert image_error(own, own) == 0
    assert image_error(own, {}) is None
    assert image_error(own, {0: np.array([True])}) is None
