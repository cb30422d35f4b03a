"""Data sets, their splits and their batches."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits
from torch import Tensor
from torch.utils.data import Dataset
from torchvision.transforms.v2 import functional as tv

from darkmagic.trainers.augment.geometry import random_crop, random_flip
from darkmagic.trainers.data.base import Split
from darkmagic.trainers.data.batches import Batches
from darkmagic.trainers.data.digits import Digits
from darkmagic.trainers.data.prepare import Normalizer, by_channel
from darkmagic.trainers.data.shapes import CLASSES, Shapes
from darkmagic.trainers.data.split import stratified_split
from darkmagic.trainers.data.torchvision_sets import TorchvisionSet
from darkmagic.trainers.runtime.randomness import generator

CPU = torch.device("cpu")


def test_digits_are_scikit_learns() -> None:
    """Every pixel and class, in one of three splits and no more."""
    reference = load_digits()
    data = Digits().load(0)
    parts = (data.train, data.val, data.test)
    assert sum(len(part) for part in parts) == 1797
    ours = sorted(
        (int(t), i.flatten().tolist())
        for p in parts
        for i, t in zip(p.images, p.targets, strict=True)
    )
    pixels = np.rint(reference.images.reshape(-1, 64) * 255 / 16).astype(int)
    theirs = sorted((int(t), i.tolist()) for i, t in zip(pixels, reference.target, strict=True))
    assert ours == theirs


def test_split_is_stratified_disjoint_and_complete() -> None:
    """Each class in proportion, and every image in exactly one part."""
    targets = torch.cat([torch.full((n,), c) for c, n in enumerate([100, 50, 10, 2, 1])])
    kept, held = stratified_split(targets, 0.2, generator(0, "split"))
    assert sorted(torch.cat([kept, held]).tolist()) == list(range(len(targets)))
    assert torch.bincount(targets[held], minlength=5).tolist() == [20, 10, 2, 1, 0]


def test_split_depends_on_its_seed_alone() -> None:
    """Whatever the trial's seed."""
    once, again, other = (Digits().load(seed) for seed in (0, 0, 1))
    assert torch.equal(once.val.images, again.val.images)
    assert not torch.equal(once.val.images, other.val.images)


def test_shapes_are_drawn_from_their_seed_and_balanced() -> None:
    """Ten classes, deterministic, in the asked size."""
    data, again = Shapes(200, 12, 3).load(0), Shapes(200, 12, 3).load(0)
    assert torch.equal(data.train.images, again.train.images)
    assert not torch.equal(data.train.images, Shapes(200, 12, 3, seed=1).load(0).train.images)
    assert data.train.images.shape[1:] == (3, 12, 12)
    counts = sum(torch.bincount(p.targets) for p in (data.train, data.val, data.test))
    assert counts.tolist() == [20] * len(CLASSES)


def test_shapes_can_be_told_apart_but_not_by_their_mean() -> None:
    """A nearest neighbour does far better than chance, and brightness alone does not."""
    data = Shapes(1000).load(0)
    train, val = (p.images.flatten(1).float() for p in (data.train, data.val))
    nearest = torch.cdist(val, train).argmin(1)
    assert (data.train.targets[nearest] == data.val.targets).float().mean() > 0.4
    by_mean = torch.cdist(val.mean(1, keepdim=True), train.mean(1, keepdim=True)).argmin(1)
    assert (data.train.targets[by_mean] == data.val.targets).float().mean() < 0.3


def test_statistics_are_the_training_splits() -> None:
    """Per channel, in [0, 1]."""
    data = Digits().load(0)
    pixels = data.train.images.double() / 255
    assert data.mean[0] == pytest.approx(pixels.mean().item())
    assert data.std[0] == pytest.approx(pixels.std(unbiased=False).item())


class _Lazy(Dataset[Tensor]):
    def __init__(self, images: Tensor) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, place: int) -> Tensor:
        return self._images[place]


@pytest.mark.parametrize("workers", [0, 1])
def test_batches_have_one_order_whatever_the_path(workers: int) -> None:
    """In memory and read as needed, each image once an epoch, another order each epoch."""
    images = torch.arange(23, dtype=torch.uint8).view(-1, 1, 1, 1)
    split, lazy = Split(images, torch.arange(23)), Split(_Lazy(images), torch.arange(23))
    fast = Batches(split, 5, CPU)
    slow = Batches(lazy, 5, CPU, workers=workers)
    orders = []
    for epoch in range(2):
        ours = [(i.flatten().tolist(), t.tolist()) for i, t in fast.epoch(generator(0, epoch))]
        theirs = [(i.flatten().tolist(), t.tolist()) for i, t in slow.epoch(generator(0, epoch))]
        assert ours == theirs
        assert all(i == t for i, t in ours)
        orders.append([t for _, batch in ours for t in batch])
        assert sorted(orders[-1]) == list(range(23))
    assert orders[0] != orders[1]
    assert len(fast) == 5


def test_training_drops_the_last_short_batch() -> None:
    """Unless it is the only one; without a generator the order is the split's."""
    split = Split(torch.zeros(23, 1, 1, 1, dtype=torch.uint8), torch.arange(23))
    assert len(Batches(split, 5, CPU, drop_last=True)) == 4
    assert len(list(Batches(split, 5, CPU, drop_last=True).epoch(None))) == 4
    assert len(Batches(split, 100, CPU, drop_last=True)) == 1
    assert torch.cat([t for _, t in Batches(split, 5, CPU).epoch(None)]).tolist() == list(range(23))


def test_normalizer_is_torchvisions() -> None:
    """And repeats grey for a network that takes colour."""
    images = torch.randint(0, 256, (4, 3, 6, 5), generator=generator(0, "i"), dtype=torch.uint8)
    mean, std = (0.1, 0.5, 0.9), (0.2, 0.3, 0.4)
    ours = Normalizer(by_channel(mean, std), 3, CPU)(images)
    theirs = tv.normalize(images.float() / 255, list(mean), list(std))
    assert torch.allclose(ours, theirs, atol=1e-5)
    assert ours.is_contiguous(memory_format=torch.channels_last)
    grey = Normalizer(by_channel((0.5,), (0.5,)), 3, CPU)(images[:, :1])
    assert grey.shape == images.shape
    assert torch.equal(grey[:, 0], grey[:, 2])
    with pytest.raises(ValueError, match="4 channels and the images have 3"):
        Normalizer(by_channel(mean, std), 4, CPU)


def test_crop_is_pad_and_cut() -> None:
    """Against one image at a time; every shift occurs."""
    images = torch.randint(1, 256, (400, 2, 5, 4), generator=generator(0, "i"), dtype=torch.uint8)
    ours = random_crop(images, 1, generator(0, "crop"))
    shifts = torch.randint(0, 3, (2, 400), generator=generator(0, "crop"))
    padded = torch.nn.functional.pad(images, (1, 1, 1, 1))
    for place, (row, column) in enumerate(shifts.T.tolist()):
        assert torch.equal(ours[place], padded[place, :, row : row + 5, column : column + 4])
    assert len({tuple(s) for s in shifts.T.tolist()}) == 9


def test_flip_mirrors_about_half() -> None:
    """Each image whole or mirrored."""
    images = torch.randint(0, 256, (1000, 1, 3, 4), generator=generator(0, "i"), dtype=torch.uint8)
    flipped = random_flip(images, generator(0, "flip"))
    mirrored = (flipped == images.flip(3)).flatten(1).all(1)
    kept = (flipped == images).flatten(1).all(1)
    assert (mirrored | kept).all()
    assert mirrored.float().mean().item() == pytest.approx(0.5, abs=0.05)


def test_torchvision_sets_are_named() -> None:
    """One that we do not read is refused when the trial is set up."""
    with pytest.raises(ValueError, match="choose from CIFAR10"):
        TorchvisionSet("MNIST", "/nowhere")
