"""cutout: where and how large, against the paper."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.tricks.cutout import Cutout, cutout_boxes

CONTRACT = {"changes": ["batches", "loss", "update"]}

ONES = torch.ones(2000, 2, 24, 32)
TARGETS = F.one_hot(torch.arange(2000) % 5, 5).float()


@pytest.mark.parametrize("pixels", [8, 16])
def test_cutout_is_the_papers(pixels: int) -> None:
    """Sides scaled to the shorter one, cut at the edges, centres even over the image."""
    cut, targets = Cutout(pixels).transform_batch(ONES, TARGETS, generator(0, "cutout"))
    assert torch.equal(targets, TARGETS)
    side = pixels * 24 // 32
    boxes = cutout_boxes(2000, (24, 32), side, generator(0, "cutout"))
    for image, (top, left, height, width) in zip(cut[:200], boxes.tolist(), strict=False):
        assert height == width == side
        expected = torch.ones_like(image)
        expected[:, max(top, 0) : top + side, max(left, 0) : left + side] = 0
        assert torch.equal(image, expected)
    centres = boxes[:, :2] + side // 2
    assert centres.amin(0).tolist() == [0, 0]
    assert centres.amax(0).tolist() == [23, 31]
    assert centres.double().mean(0).tolist() == pytest.approx([11.5, 15.5], abs=0.5)


def test_cutout_works_in_place_of_nothing() -> None:
    """The batch it is given stays as it was."""
    images = torch.ones(8, 1, 8, 8)
    cut, _ = Cutout().transform_batch(images, TARGETS[:8], generator(0, "cutout"))
    assert not torch.equal(cut, images)
    assert torch.equal(images, torch.ones(8, 1, 8, 8))


@pytest.mark.parametrize(
    "make",
    [
        lambda: Cutout(pixels=0),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match=r"need|choose from"):
        make()
