"""Images of a split by index, in memory and in files."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils.data import Dataset

from darkmagic.trainers.data.assembly.stats import sample_images
from darkmagic.trainers.data.base import Split
from darkmagic.trainers.data.splits.select import read, select, spread

IMAGES = torch.arange(10, dtype=torch.uint8).view(10, 1, 1, 1)


class _Files(Dataset[Tensor]):
    """Images that are read one by one, with a record of the indices that were read."""

    def __init__(self) -> None:
        self.were_read: list[int] = []

    def __len__(self) -> int:
        return len(IMAGES)

    def __getitem__(self, index: int) -> Tensor:
        self.were_read.append(index)
        return IMAGES[index]


@pytest.mark.parametrize(
    ("total", "count", "indices"),
    [(10, 4, [0, 3, 6, 9]), (3, 9, [0, 1, 2]), (5, 1, [0]), (0, 4, [])],
)
def test_spread_indices_are_distinct_and_sorted(total: int, count: int, indices: list[int]) -> None:
    """Indices reach from the first to the last image, and are no more than there are images."""
    assert spread(total, count).tolist() == indices


@pytest.mark.parametrize("in_memory", [True, False])
def test_selected_images_keep_their_classes(in_memory: bool) -> None:
    """`select` and `read` give the same images with their classes, and only `read` reads files."""
    files = _Files()
    split = Split(IMAGES if in_memory else files, torch.arange(10) + 100)
    indices = torch.tensor([7, 2])
    some = select(split, indices)
    assert files.were_read == []
    assert [int(some.images[i]) for i in range(2)] == [7, 2]
    now = read(split, indices)
    assert isinstance(now.images, Tensor)
    assert now.images.flatten().tolist() == [7, 2]
    assert some.targets.tolist() == now.targets.tolist() == [107, 102]
    assert sample_images(split, 2).flatten().tolist() == [0, 9]
