"""Augmentations that are drawn and applied apart: joined batches are what each is by itself."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from darkmagic.trainers.drawn_augmentation import DrawnAugmentation, augment_batches
from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks import augmentation
from references import SHAPES, random_images


class ByBatch(Trick):
    """Adds one grey level to the images of a batch: it has a draw a batch, not an image."""

    def augment(self, images: Tensor, rng: torch.Generator) -> Tensor:
        return images + torch.randint(1, 9, (), generator=rng).to(torch.uint8)


TRICKS = [*(getattr(augmentation, name)() for name in augmentation.__all__), ByBatch()]


@pytest.mark.parametrize("shape", SHAPES, ids=str)
@pytest.mark.parametrize("trick", TRICKS, ids=lambda trick: type(trick).__name__)
def test_joined_batches_are_augmented_as_one_after_another(
    trick: Trick, shape: tuple[int, int, int]
) -> None:
    """Bit for bit, for batches of any sizes, and draws go on where they were left."""
    rng = generator(0, "sizes")
    for count in (1, 2, 5):
        sizes = torch.randint(1, 24, (count,), generator=rng).tolist()
        images = random_images(shape, sum(sizes))
        joined, alone = generator(1, "joined"), generator(1, "joined")
        found = augment_batches(trick, images, sizes, joined)
        expected = [trick.augment(batch, alone) for batch in images.split(sizes)]
        assert torch.equal(found, torch.cat(expected))
        assert torch.equal(joined.get_state(), alone.get_state())


def test_an_augmentation_that_is_not_overridden_does_nothing() -> None:
    """As the trick that it derives from."""
    images = random_images((3, 4, 4), 3)
    assert torch.equal(DrawnAugmentation().augment(images, generator(0)), images)
