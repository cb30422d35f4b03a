"""The generated set of shapes."""

from __future__ import annotations

import torch

from darkmagic.trainers.data.shapes import CLASSES, Shapes


def test_shapes_depend_on_their_seed_and_are_balanced() -> None:
    """The seed determines the images, which have the requested size and equally many per class."""
    data, again = Shapes(200, 12, 3).load(0), Shapes(200, 12, 3).load(0)
    assert torch.equal(data.train.images, again.train.images)
    assert not torch.equal(data.train.images, Shapes(200, 12, 3, seed=1).load(0).train.images)
    assert data.train.images.shape[1:] == (3, 12, 12)
    counts = sum(torch.bincount(p.targets) for p in (data.train, data.val, data.test))
    assert counts.tolist() == [20] * len(CLASSES)


def test_shapes_are_separable_but_not_by_brightness() -> None:
    """A nearest neighbour on pixels does far better than chance, and one on brightness does not."""
    data = Shapes(1000).load(0)
    train, val = (p.images.flatten(1).float() for p in (data.train, data.val))
    nearest = torch.cdist(val, train).argmin(1)
    assert (data.train.targets[nearest] == data.val.targets).float().mean() > 0.4
    by_mean = torch.cdist(val.mean(1, keepdim=True), train.mean(1, keepdim=True)).argmin(1)
    assert (data.train.targets[by_mean] == data.val.targets).float().mean() < 0.3
