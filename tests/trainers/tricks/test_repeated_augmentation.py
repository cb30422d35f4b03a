"""repeated_augmentation: the order is timm's, and versions of an image differ."""

from __future__ import annotations

import pytest
import torch
from timm.data.distributed_sampler import RepeatAugSampler

from darkmagic.trainers.data.base import Split
from darkmagic.trainers.data.batches import Batches
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.prepare.pipeline import Pipeline
from darkmagic.trainers.tricks.augmentation import Standard
from darkmagic.trainers.tricks.repeated_augmentation import RepeatedAugmentation
from training import make_recipe

COUNT = 600


@pytest.mark.parametrize("repeats", [1, 2, 3])
def test_order_is_timms(repeats: int) -> None:
    """Of one process: each image in a row, and the first of them up to the usual number."""
    indices = torch.arange(COUNT)
    split = Split(torch.zeros(COUNT, 1, 1, 1, dtype=torch.uint8), indices)
    batches = Batches(split, 100, torch.device("cpu"))
    theirs = RepeatAugSampler(
        list(range(COUNT)), 1, 0, num_repeats=repeats, selected_round=0, shuffle=True
    )
    rng = torch.Generator().manual_seed(0)  # timm's seed of the first epoch
    seen = torch.cat([classes for _, classes, _ in batches.chunks(rng, 4, repeats)])
    assert seen.tolist() == list(theirs)


def test_versions_of_an_image_are_augmented_apart() -> None:
    """A batch has as many images as before, of a third as many classes' owners."""
    tricks = {"augmentation": Standard(), "repeats": RepeatedAugmentation(4)}
    recipe = make_recipe(**tricks)
    data = recipe.dataset.load(0)
    hooks = Hooks(recipe.tricks, 0)
    pipeline = Pipeline(
        recipe, data, hooks, torch.device("cpu"), data.channels, torch.contiguous_format
    )
    batches = list(pipeline.training_epoch(0))
    assert len(batches) == pipeline.steps_per_epoch
    for images, targets in batches:
        assert len(images) == recipe.batch_size
        for group, classes in zip(images.split(4), targets.split(4), strict=True):
            assert all(torch.equal(classes[0], other) for other in classes)
            assert not torch.equal(group[0], group[1])


def test_repeats_have_a_range() -> None:
    """One line."""
    with pytest.raises(ValueError, match="repeats=0"):
        RepeatedAugmentation(0)
