"""cutmix: rectangles and labels against torchvision and the definition."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812 (the field's name for it)
from torchvision.transforms import v2

from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.tricks.cutmix import CutMix, CutMixOrMixup, cut_and_paste, edges_around
from darkmagic.trainers.tricks.mixup import Mixup

CONTRACT = {"changes": ["batches", "loss", "update"]}

TARGETS = F.one_hot(torch.arange(2000) % 5, 5).float()


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
        lambda: CutMix(alpha=0),
        lambda: CutMixOrMixup(mixup_alpha=0),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match=r"need|choose from"):
        make()
