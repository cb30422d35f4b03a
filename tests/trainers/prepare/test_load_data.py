"""The data of a recipe: its metric must say something of them."""

from __future__ import annotations

import pytest
import torch

from darkmagic.trainers.data.items import Items
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.prepare.load_data import load_data
from darkmagic.trainers.recipe import Recipe

IMAGES = [torch.full((1, 8, 8), 5 * i, dtype=torch.uint8) for i in range(40)]


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        ([i % 5 for i in range(40)], "metric=top5 is 100 % of any network where there are 5"),
        ([[1, i % 2] for i in range(40)], "metric=top5 is of images with one label each"),
    ],
)
def test_metric_that_says_nothing_is_refused(labels: list[object], message: str) -> None:
    """Before training, with one that would."""
    items = Items(list(zip(IMAGES, labels, strict=True)))
    recipe = Recipe(items, SmallResNet, {}, epochs=1, batch_size=8, metric="top5")
    with pytest.raises(ValueError, match=message):
        load_data(recipe)
