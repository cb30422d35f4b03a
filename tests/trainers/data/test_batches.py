"""Batches of images in memory and in files."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from darkmagic.trainers.data.base import Split
from darkmagic.trainers.data.batches import Batches
from darkmagic.trainers.runtime.randomness import generator

CPU = torch.device("cpu")


class _Lazy(Dataset[Tensor]):
    def __init__(self, images: Tensor) -> None:
        self._images = images

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, place: int) -> Tensor:
        return self._images[place]


@pytest.mark.parametrize("workers", [0, 1])
def test_order_of_batches_is_the_same_in_memory_and_from_files(workers: int) -> None:
    """Each image comes once an epoch, in another order each epoch, from memory and from files."""
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


@pytest.mark.parametrize("count", [1, 4, 23, 60])
@pytest.mark.parametrize("most", [1, 3, 16])
@pytest.mark.parametrize("drop_last", [False, True])
def test_chunks_join_the_batches_of_an_epoch(count: int, most: int, *, drop_last: bool) -> None:
    """In their order, with their sizes: one, two, four, and so on up to the most."""
    split = Split(torch.arange(count, dtype=torch.uint8).view(-1, 1, 1, 1), torch.arange(count))
    batches = Batches(split, 5, CPU, drop_last=drop_last)
    expected = list(batches.epoch(generator(0, "order")))
    chunks = list(batches.chunks(generator(0, "order"), most))
    joined = [
        pair
        for images, targets, sizes in chunks
        for pair in zip(images.split(sizes), targets.split(sizes), strict=True)
    ]
    assert len(joined) == len(expected) == len(batches)
    for ours, theirs in zip(joined, expected, strict=True):
        assert torch.equal(ours[0], theirs[0])
        assert torch.equal(ours[1], theirs[1])
    counts = [len(sizes) for _, _, sizes in chunks]
    assert counts[:-1] == [min(2**i, most) for i in range(len(chunks) - 1)]


def test_drop_last_drops_a_short_batch_unless_it_is_the_only_one() -> None:
    """A short last batch is dropped unless it is the only one; no generator means no shuffling."""
    split = Split(torch.zeros(23, 1, 1, 1, dtype=torch.uint8), torch.arange(23))
    assert len(Batches(split, 5, CPU, drop_last=True)) == 4
    assert len(list(Batches(split, 5, CPU, drop_last=True).epoch(None))) == 4
    assert len(Batches(split, 100, CPU, drop_last=True)) == 1
    assert torch.cat([t for _, t in Batches(split, 5, CPU).epoch(None)]).tolist() == list(range(23))
