"""Cross-validation: each image is validated on once in as many seeds as folds."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from darkmagic.trainers.data.items import Items
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.data.splits.folds import fold_indices, hold_out_fold
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.train import train

TARGETS = st.lists(st.integers(0, 4), min_size=6, max_size=60)


@settings(deadline=None, max_examples=50)
@given(TARGETS, st.integers(2, 6), st.integers(0, 9))
def test_folds_are_alike(classes: list[int], folds: int, seed: int) -> None:
    """They differ by one image at most, in all and of each class, whatever there is."""
    targets = torch.tensor(classes)
    fold_of = fold_indices(targets, folds, torch.Generator().manual_seed(seed))
    for members in [torch.ones_like(targets, dtype=torch.bool), *(targets == c for c in range(5))]:
        sizes = torch.bincount(fold_of[members], minlength=folds)
        assert int(sizes.max() - sizes.min()) <= 1


def _keys(images: object) -> list[bytes]:
    return [bytes(image.numpy()) for image in images]  # type: ignore[attr-defined]


def test_seeds_validate_on_each_image_once_and_partitions_differ() -> None:
    """Five seeds in a row are one cross-validation, the next five another; test stays apart."""
    noise = torch.randint(0, 256, (50, 1, 4, 4), generator=torch.Generator().manual_seed(0))
    source = Items([(image.to(torch.uint8), i % 2) for i, image in enumerate(noise)])
    data = source.load(split_seed=0)
    held: list[list[bytes]] = []
    for seed in range(10):
        fold = hold_out_fold(data, 5, seed, split_seed=0)
        assert not {*_keys(fold.val.images)} & {*_keys(fold.train.images)}
        assert torch.equal(fold.test.images, data.test.images)  # type: ignore[arg-type]
        assert len(fold.train) + len(fold.val) == 40
        held.append(_keys(fold.val.images))
    everything = sorted(_keys(data.train.images) + _keys(data.val.images))
    for five in (held[:5], held[5:]):
        assert sorted(key for part in five for key in part) == everything
    assert held[0] != held[5]


def test_folds_of_images_that_are_read_as_needed() -> None:
    """They are not read before they are asked for, and belong to their classes."""
    images = [(torch.full((1, 4, 4), 5 * i, dtype=torch.uint8), i % 2) for i in range(40)]
    fold = hold_out_fold(Items(images, memory_budget=1).load(0), 4, 1, split_seed=0)
    seen = torch.stack([fold.val.images[i] for i in range(len(fold.val))])
    assert torch.equal(seen[:, 0, 0, 0] // 5 % 2, fold.val.targets.to(torch.uint8))


def test_trial_trains_on_its_fold(tmp_path: Path) -> None:
    """Its seed says which; the number of validation images is the fold's."""
    recipe = Recipe(
        Shapes(count=100), SmallResNet, {}, epochs=1, batch_size=16, device="cpu", folds=4, seed=3
    )
    result = train(recipe, tmp_path)
    assert (result.status, result.val_images) == ("finished", 20)
    assert "fold 4 of partition 1" in (tmp_path / "events.jsonl").read_text()


def test_more_folds_than_images_are_refused() -> None:
    """In one line with both numbers."""
    with pytest.raises(ValueError, match="folds=50: there are 30 images"):
        hold_out_fold(Shapes(count=40).load(0), 50, 0, split_seed=0)
