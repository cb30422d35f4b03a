"""Random crops and flips."""

from __future__ import annotations

import pytest
import torch

from darkmagic.trainers.augment.geometry import random_crop, random_flip
from darkmagic.trainers.runtime.randomness import generator


def test_random_crop_pads_and_crops_each_image() -> None:
    """A batch is cropped as one image at a time would be, and every shift occurs."""
    images = torch.randint(1, 256, (400, 2, 5, 4), generator=generator(0, "i"), dtype=torch.uint8)
    ours = random_crop(images, 1, generator(0, "crop"))
    shifts = torch.randint(0, 3, (2, 400), generator=generator(0, "crop"))
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1))
    for place, (row, column) in enumerate(shifts.T.tolist()):
        assert torch.equal(ours[place], padded[place, :, row : row + 5, column : column + 4])
    assert len({tuple(s) for s in shifts.T.tolist()}) == 9


def test_random_flip_mirrors_half_of_the_images() -> None:
    """Each image is either mirrored or unchanged, with probability one half."""
    images = torch.randint(0, 256, (1000, 1, 3, 4), generator=generator(0, "i"), dtype=torch.uint8)
    flipped = random_flip(images, generator(0, "flip"))
    mirrored = (flipped == images.flip(3)).flatten(1).all(1)
    kept = (flipped == images).flatten(1).all(1)
    assert (mirrored | kept).all()
    assert mirrored.float().mean().item() == pytest.approx(0.5, abs=0.05)
