"""augmentation: what the options draw and do to a batch."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torchvision.transforms import functional as tv

from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.tricks.augmentation import (
    Blur,
    ColourShift,
    DroppedPixels,
    Noise,
    RandAugment,
    RandomCrops,
    Rotation,
    Standard,
)
from references import random_images

CONTRACT = {"changes": ["batches", "update"]}


def test_rotation_is_torchvisions() -> None:
    """By angles that are drawn evenly from both sides."""
    images = random_images((3, 32, 32), 50)
    ours = Rotation(degrees=30).augment(images, generator(0, "rotation"))
    drawn = torch.rand(50, generator=generator(0, "rotation"), dtype=torch.float64)
    angles = (2 * drawn - 1) * 30
    assert angles.min() < -20 < 20 < angles.max()
    theirs = torch.stack([tv.rotate(i, a) for i, a in zip(images, angles.tolist(), strict=True)])
    assert (ours != theirs).float().mean() < 0.002


@pytest.mark.parametrize(
    "trick",
    [Noise(), DroppedPixels(), ColourShift(), Blur(), RandomCrops(), Rotation(), Standard()],
    ids=lambda trick: type(trick).__name__,
)
def test_draws_are_the_generators(trick: Noise) -> None:
    """The same again from the same seed, another from another, each sample its own, no edit in
    place.
    """
    images = random_images((3, 16, 16), 1).expand(8, -1, -1, -1)
    before = images.clone()
    once, again, other = (trick.augment(images, generator(s, "t")) for s in (0, 0, 1))
    assert once.dtype == torch.uint8
    assert torch.equal(once, again)
    assert not torch.equal(once, other)
    assert not torch.equal(once[0], once[1])
    assert torch.equal(images, before)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Noise(std=0),
        lambda: DroppedPixels(share=1),
        lambda: Rotation(degrees=0),
        lambda: ColourShift(max_shift=300),
        lambda: Blur(sigma=(0, 2)),
        lambda: Blur(sigma=(3, 2)),
        lambda: RandomCrops(scale=(0, 1)),
        lambda: RandAugment(operations=0),
        lambda: RandAugment(magnitude=31),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match="need"):
        make()
