"""Stratified splits."""

from __future__ import annotations

import torch

from darkmagic.trainers.data.digits import Digits
from darkmagic.trainers.data.splits.split import stratified_split
from darkmagic.trainers.runtime.randomness import generator


def test_split_is_stratified_disjoint_and_complete() -> None:
    """Each class is split in proportion, and every image is in exactly one part."""
    targets = torch.cat([torch.full((n,), c) for c, n in enumerate([100, 50, 10, 2, 1])])
    kept, held = stratified_split(targets, 0.2, generator(0, "split"))
    assert sorted(torch.cat([kept, held]).tolist()) == list(range(len(targets)))
    assert torch.bincount(targets[held], minlength=5).tolist() == [20, 10, 2, 1, 0]


def test_split_depends_on_its_seed_alone() -> None:
    """Equal split seeds give equal splits, and another split seed gives another split."""
    once, again, other = (Digits().load(seed) for seed in (0, 0, 1))
    assert torch.equal(once.val.images, again.val.images)
    assert not torch.equal(once.val.images, other.val.images)
