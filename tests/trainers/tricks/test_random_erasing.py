"""random_erasing: how often, where and of what shape, against torchvision."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)
from torchvision import transforms

from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.tricks.random_erasing import RandomErasing

CONTRACT = {"changes": ["batches", "loss", "update"]}

ONES = torch.ones(2000, 2, 24, 32)
TARGETS = F.one_hot(torch.arange(2000) % 5, 5).float()


def _erased(images: Tensor) -> np.ndarray:
    """Return height, width, top and left of what is 0, a row for each image that has any."""
    rows = []
    for gone in (images == 0).all(1):
        if gone.any():
            y, x = gone.nonzero().unbind(1)
            height, width = y.max() - y.min() + 1, x.max() - x.min() + 1
            assert gone.sum() == height * width  # a rectangle
            rows.append([int(height), int(width), int(y.min()), int(x.min())])
    return np.array(rows)


def test_random_erasing_is_torchvisions() -> None:
    """As often, and rectangles of the same distribution of size, shape and place."""
    erased, _ = RandomErasing().transform_batch(ONES, TARGETS, generator(0, "erasing"))
    ours = _erased(erased)
    torch.manual_seed(0)
    reference = transforms.RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3))
    theirs = _erased(torch.stack([reference(image) for image in ONES]))
    assert len(ours) / len(ONES) == pytest.approx(0.5, abs=0.025)
    for column in range(4):
        assert ks_2samp(ours[:, column], theirs[:, column]).statistic < 0.07
    assert ks_2samp(ours[:, 0] * ours[:, 1], theirs[:, 0] * theirs[:, 1]).statistic < 0.07


@pytest.mark.parametrize(
    "make",
    [
        lambda: RandomErasing(probability=0),
        lambda: RandomErasing(scale=(0.5, 0.2)),
        lambda: RandomErasing(ratio=(0, 3.3)),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match=r"need|choose from"):
        make()
