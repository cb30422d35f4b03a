"""Cutout, random erasing and cutmix against their definitions and torchvision."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.stats import ks_2samp
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)
from torchvision import transforms
from torchvision.transforms import v2

from darkmagic.trainers.augment.boxes import inside
from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.tricks.cutmix import CutMix, CutMixOrMixup, cut_and_paste, edges_around
from darkmagic.trainers.tricks.cutout import Cutout, cutout_boxes
from darkmagic.trainers.tricks.mixup import Mixup
from darkmagic.trainers.tricks.random_erasing import RandomErasing

ONES = torch.ones(2000, 2, 24, 32)
TARGETS = F.one_hot(torch.arange(2000) % 5, 5).float()


def test_inside_is_the_box() -> None:
    """Boxes may reach beyond the edges, and be empty."""
    boxes = torch.tensor([[1, 2, 2, 3], [-1, 3, 3, 9], [0, 0, 0, 0]])
    mask = inside(boxes, (4, 6), torch.device("cpu"))
    expected = torch.zeros(3, 1, 4, 6, dtype=torch.bool)
    expected[0, :, 1:3, 2:5] = True
    expected[1, :, 0:2, 3:6] = True
    assert torch.equal(mask, expected)


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


def _erased(images: Tensor) -> np.ndarray:
    """Return height, width, top and left of what is 0, a row for each image that has any."""
    rows = []
    for gone in (images == 0).all(1):
        if gone.any():
            y, x = gone.nonzero().unbind(1)
            height, width = y.max() - y.min() + 1, x.max() - x.min() + 1
            assert gone.sum() == height * width  # a rectangle
            rows.append([int(height), int(width), int(y.min()), int(x.min())])
    return np.array(rows)


def test_random_erasing_is_torchvisions() -> None:
    """As often, and rectangles of the same distribution of size, shape and place."""
    erased, _ = RandomErasing().transform_batch(ONES, TARGETS, generator(0, "erasing"))
    ours = _erased(erased)
    torch.manual_seed(0)
    reference = transforms.RandomErasing(p=0.5, scale=(0.02, 0.33), ratio=(0.3, 3.3))
    theirs = _erased(torch.stack([reference(image) for image in ONES]))
    assert len(ours) / len(ONES) == pytest.approx(0.5, abs=0.025)
    for column in range(4):
        assert ks_2samp(ours[:, column], theirs[:, column]).statistic < 0.07
    assert ks_2samp(ours[:, 0] * ours[:, 1], theirs[:, 0] * theirs[:, 1]).statistic < 0.07


def test_cutmix_is_torchvisions() -> None:
    """The same rectangle and the same mixed labels, for the same draws."""
    images = torch.randn(6, 3, 10, 14, generator=generator(0, "images"))
    classes = torch.tensor([0, 1, 2, 3, 4, 0])
    reference = v2.CutMix(num_classes=5)
    order = torch.arange(6).roll(1)  # as torchvision pairs them
    for seed in range(20):
        torch.manual_seed(seed)
        lam = float(reference._dist.sample(()))
        x, y = (int(torch.randint(side, ())) for side in (14, 10))
        torch.manual_seed(seed)
        expected_images, expected_targets = reference(images, classes)
        edges = edges_around(y, x, (10, 14), lam)
        ours, targets = cut_and_paste(images, F.one_hot(classes, 5).float(), order, edges)
        assert torch.equal(ours, expected_images)
        assert torch.allclose(targets, expected_targets, atol=1e-6)


def test_cutmix_rectangles_have_the_area() -> None:
    """Sides sqrt(1 - lambda) of the image's, cut at the edges, nothing at lambda 1."""
    assert edges_around(50, 100, (100, 200), 0.75) == (25, 75, 50, 150)
    assert edges_around(0, 199, (100, 200), 0.75) == (0, 25, 149, 200)
    top, bottom, left, right = edges_around(50, 100, (100, 200), 1.0)
    assert (bottom - top) * (right - left) == 0
    assert edges_around(50, 100, (100, 200), 0.0) == (0, 100, 0, 200)


def test_cutmix_labels_are_the_share_of_pixels() -> None:
    """Whatever was drawn: each image's share of pixels is its share of the label."""
    marks = torch.arange(64.0).view(-1, 1, 1, 1).expand(64, 1, 9, 7)
    targets = torch.eye(64)
    kept = []
    for seed in range(300):
        images, mixed = CutMix().transform_batch(marks, targets, generator(seed, "cutmix"))
        shares = F.one_hot(images[:, 0].flatten(1).long(), 64).float().mean(1)
        assert torch.allclose(shares, mixed, atol=1e-6)
        kept.append(mixed.diagonal().min().item())
    assert np.std(kept) > 0.1  # lambda is drawn, not fixed


def test_one_of_both_for_each_batch() -> None:
    """Half of the batches are cut, half are blended, each as its own trick does."""
    rng = generator(0, "images")
    images, targets = torch.rand(8, 1, 6, 6, generator=rng), TARGETS[:8]
    cut = 0
    for seed in range(200):
        mixed, _ = CutMixOrMixup(1.0, 0.2).transform_batch(images, targets, generator(seed, "c"))
        rest = generator(seed, "c")
        is_cut = bool(torch.rand((), generator=rest) < 0.5)
        cut += is_cut
        trick = CutMix(1.0) if is_cut else Mixup(0.2)
        assert torch.equal(mixed, trick.transform_batch(images, targets, rest)[0])
    assert 70 < cut < 130


@pytest.mark.parametrize(
    "make",
    [
        lambda: Cutout(pixels=0),
        lambda: RandomErasing(probability=0),
        lambda: RandomErasing(scale=(0.5, 0.2)),
        lambda: RandomErasing(ratio=(0, 3.3)),
        lambda: CutMix(alpha=0),
        lambda: CutMixOrMixup(mixup_alpha=0),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match="need"):
        make()
