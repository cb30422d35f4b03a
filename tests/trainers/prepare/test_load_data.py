"""The data of a recipe: its metric must say something of them."""

from __future__ import annotations

import dataclasses

import pytest
import torch

from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.items import Items
from darkmagic.trainers.data.shapes import Shapes
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


class _OneClassIn:
    """Images of two classes, of which one split has a single one."""

    def __init__(self, split: str) -> None:
        self._split = split

    def load(self, split_seed: int) -> Data:
        """Return the splits."""
        data = Shapes(40).load(split_seed)
        alone = getattr(data, self._split)
        return dataclasses.replace(
            data, **{self._split: Split(alone.images, torch.ones_like(alone.targets))}
        )


@pytest.mark.parametrize("metric", ["auroc", "map"])
@pytest.mark.parametrize("split", ["val", "test"])
def test_metric_without_a_value_on_a_split_is_refused(metric: str, split: str) -> None:
    """Before training: each trial failed after its first epoch, or after its last."""
    recipe = Recipe(_OneClassIn(split), SmallResNet, {}, 1, 8, metric=metric, test_set=True)
    with pytest.raises(ValueError, match=f"metric={metric} has no value on {split}: all of its im"):
        load_data(recipe)
    load_data(dataclasses.replace(recipe, metric="macro_f1"))
