"""Random boxes, crops, resizing and center crops, against torchvision."""

from __future__ import annotations

import pytest
import torch
from scipy.stats import ks_2samp
from torch import Tensor
from torchvision import transforms
from torchvision.transforms import functional as tv

from darkmagic.trainers.augment.boxes import crop_boxes, inside
from darkmagic.trainers.augment.resample import crop_middle, resize, resize_boxes
from darkmagic.trainers.runtime.randomness import generator
from references import SHAPES, random_images


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_resized_crops_match_torchvision(shape: tuple[int, int, int]) -> None:
    """Each sample's own box is resized as by torchvision, to one grey level of rounding."""
    images = random_images(shape, 40)
    size = (shape[1], shape[2])
    boxes = crop_boxes(40, size, generator(0, "boxes"), (0.08, 1))
    ours = resize_boxes(images, boxes)
    for place, box in enumerate(boxes.tolist()):
        expected = tv.resized_crop(images[place], *box, list(size), antialias=True)
        assert (ours[place].int() - expected.int()).abs().max() <= 1


@pytest.mark.parametrize("size", [(32, 32), (20, 48)], ids=str)
def test_crop_boxes_have_torchvision_distribution(size: tuple[int, int]) -> None:
    """Boxes lie inside the image, with torchvision's distribution of area, ratio and position."""
    area, ratio = (0.08, 1.0), (3 / 4, 4 / 3)
    ours = crop_boxes(4000, size, generator(0, "boxes"), area, ratio).double()
    image = torch.zeros(1, *size)
    torch.manual_seed(0)
    draw = transforms.RandomResizedCrop.get_params
    theirs = torch.tensor([draw(image, list(area), list(ratio)) for _ in range(4000)]).double()
    assert (ours[:, :2] >= 0).all()
    assert (ours[:, :2] + ours[:, 2:] <= torch.tensor(size)).all()
    for ours_of, theirs_of in zip(_figures(ours), _figures(theirs), strict=True):
        assert ks_2samp(ours_of.numpy(), theirs_of.numpy()).statistic < 0.04


def _figures(boxes: Tensor) -> list[Tensor]:
    top, left, height, width = boxes.unbind(1)
    return [height * width, (width / height).log(), top, left]


def test_crop_box_that_cannot_fit_falls_back_to_center() -> None:
    """The fallback is the largest centered box whose aspect ratio is allowed, as in torchvision."""
    size, ratio = (10, 100), (3 / 4, 4 / 3)
    ours = crop_boxes(5, size, generator(0, "b"), (1.0, 1.0), ratio)
    expected = transforms.RandomResizedCrop.get_params(
        torch.zeros(1, *size), [1.0, 1.0], list(ratio)
    )
    assert ours.tolist() == [list(expected)] * 5


@pytest.mark.parametrize("size", [(40, 40), (12, 20)], ids=str)
def test_resize_and_center_crop_match_torchvision(size: tuple[int, int]) -> None:
    """Enlarged and reduced images match torchvision's to one grey level of rounding."""
    images = random_images((3, 24, 32), 4)
    ours, theirs = resize(images, size), tv.resize(images, list(size), antialias=True)
    assert (ours.int() - theirs.int()).abs().max() <= 1
    inner = (size[0] - 3, size[1] - 6)
    assert torch.equal(crop_middle(theirs, inner), tv.center_crop(theirs, list(inner)))


def test_inside_mask_covers_the_box() -> None:
    """The mask is true inside each box, which may be empty or reach beyond the image's edges."""
    boxes = torch.tensor([[1, 2, 2, 3], [-1, 3, 3, 9], [0, 0, 0, 0]])
    mask = inside(boxes, (4, 6), torch.device("cpu"))
    expected = torch.zeros(3, 1, 4, 6, dtype=torch.bool)
    expected[0, :, 1:3, 2:5] = True
    expected[1, :, 0:2, 3:6] = True
    assert torch.equal(mask, expected)
