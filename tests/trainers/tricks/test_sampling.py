"""sampling: how often each class is drawn."""

from __future__ import annotations

import pytest
import torch

from darkmagic.trainers.data.base import Split
from darkmagic.trainers.data.batches import Batches
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.trick import Conflict
from darkmagic.trainers.tricks.repeated_augmentation import RepeatedAugmentation
from darkmagic.trainers.tricks.sampling import Sampling, chances
from darkmagic.trainers.tricks.shuffle import Shuffle

CONTRACT = {"data": "uneven"}
CPU = torch.device("cpu")
CLASSES = torch.tensor([0] * 1600 + [1] * 400)


@pytest.mark.parametrize(
    ("power", "share"), [(0.0, 0.5), (0.5, 1 / 3), (0.999, 0.2)], ids=["balanced", "root", "all"]
)
def test_classes_are_drawn_in_proportion_to_the_power_of_their_images(
    power: float, share: float
) -> None:
    """An epoch has as many images as before, and the rare class its share of them."""
    images = torch.arange(2000).view(-1, 1, 1, 1).to(torch.uint8)
    drawn = chances(CLASSES, power)
    batches = Batches(Split(images, CLASSES), 100, CPU, chances=drawn)
    seen = torch.cat([c for _, c in batches.epoch(torch.Generator().manual_seed(0))])
    assert len(seen) == 2000
    assert float(seen.double().mean()) == pytest.approx(share, abs=4 * (0.25 / 2000) ** 0.5)


def test_epochs_differ_and_a_seed_repeats_its_own() -> None:
    """Draws come from the epoch's generator alone."""
    split = Split(torch.zeros(2000, 1, 1, 1, dtype=torch.uint8), torch.arange(2000))
    batches = Batches(split, 2000, CPU, chances=torch.ones(2000))
    one, same, other = (
        next(batches.epoch(torch.Generator().manual_seed(seed)))[1] for seed in (0, 0, 1)
    )
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
    assert len(one.unique()) < 2000  # with replacement


@pytest.mark.parametrize("other", [Shuffle("never"), RepeatedAugmentation()])
def test_other_orders_are_refused(other: object) -> None:
    """An order or repeats of another trick would be lost."""
    with pytest.raises(Conflict, match="of its own"):
        Hooks({"s": Sampling(), "o": other}, 0)  # type: ignore[dict-item]
