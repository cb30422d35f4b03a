"""Statistics of a training split."""

from __future__ import annotations

import pytest

from darkmagic.trainers.data.digits import Digits


def test_mean_and_std_are_those_of_the_training_split() -> None:
    """Mean and standard deviation are the training split's, for each channel, in [0, 1]."""
    data = Digits().load(0)
    pixels = data.train.images.double() / 255
    assert data.mean[0] == pytest.approx(pixels.mean().item())
    assert data.std[0] == pytest.approx(pixels.std(unbiased=False).item())
