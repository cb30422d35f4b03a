"""The step of accuracies, found from the accuracies themselves."""

from __future__ import annotations

import numpy as np
import pytest

from darkmagic.checklist.stats.effects import estimate_effects
from darkmagic.checklist.stats.linear import Run
from darkmagic.checklist.stats.rounding import rounding_step


@pytest.mark.parametrize("images", [7, 357, 1000, 10_000, 50_000])
def test_step_is_that_of_the_images(images: int) -> None:
    """Twenty accuracies on so many images show the step of one of them, or a multiple."""
    right = np.random.default_rng(0).integers(images // 2, images, 20)
    step = rounding_step([float(100 * count / images) for count in right])
    assert step >= 100 / images - 1e-9
    assert step * images / 100 == pytest.approx(round(step * images / 100))
    assert step <= 3 * 100 / images


def test_continuous_accuracies_have_no_step() -> None:
    """Numbers that are no fractions of few images have none, and equal ones say nothing."""
    assert rounding_step(np.random.default_rng(0).normal(90, 0.2, 10).tolist()) == 0
    assert rounding_step([90.0, 90.0]) > 0


def test_intervals_have_a_width_where_the_number_of_images_is_not_known() -> None:
    """Two seeds, each one image of 357 better: an error of rounding, not of nothing."""
    accuracies = [[300, 302], [301, 303]]
    runs = [
        Run(trial, seed, 100 * right / 357)
        for trial, row in enumerate(accuracies)
        for seed, right in enumerate(row)
    ]
    effect = estimate_effects(runs).by_trial[1]
    assert effect.error is not None
    assert effect.error > 0.05
    assert effect.p_value is not None
    assert effect.p_value > 0.05
