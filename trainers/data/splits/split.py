"""Stratified splits, by a seed of their own."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from darkmagic.trainers.data.base import Split
from darkmagic.trainers.data.splits.groups import parts_of_groups
from darkmagic.trainers.data.splits.select import select
from darkmagic.trainers.runtime.randomness import generator

__all__ = ["members_of_classes", "one_label", "split_in_three", "split_off", "stratified_split"]


def stratified_split(
    targets: Tensor, fraction: float, rng: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Return the indices that are kept and those held out, each int64 and sorted.

    `targets` is int64 (N,), or (N, K) of several labels, of which an image counts as of the rarest
    that it has. Of each class, `fraction` (in (0, 1)) is held out, rounded, and at
    least one image of every class that has two.
    """
    if not 0 < fraction < 1:
        raise ValueError(f"cannot hold out {fraction} of a data set: need 0 < fraction < 1")
    kept, held_out = [], []
    for in_order in members_of_classes(one_label(targets)):
        members = in_order[torch.randperm(len(in_order), generator=rng)]
        count = round(fraction * len(members))
        count = min(max(count, 1), len(members) - 1) if len(members) > 1 else 0
        held_out.append(members[:count])
        kept.append(members[count:])
    return _ascending(kept), _ascending(held_out)


def _ascending(parts: Sequence[Tensor]) -> Tensor:
    return torch.from_numpy(np.sort(torch.cat([*parts]).numpy()))


def members_of_classes(targets: Tensor) -> Sequence[Tensor]:
    """Return the ascending indices of each class that `targets` (N,) has, in the classes' order.

    The targets are sorted once: to look through all for each class takes half a minute of a
    million images of a thousand classes. NumPy sorts whole numbers many times faster than torch
    where the cores are busy.

    >>> members_of_classes(torch.tensor([2, 0, 2, 0]))
    (tensor([1, 3]), tensor([0, 2]))
    """
    values = targets.numpy()
    in_order = torch.from_numpy(np.argsort(values, kind="stable"))
    return torch.split(in_order, np.unique(values, return_counts=True)[1].tolist())


def one_label(targets: Tensor) -> Tensor:
    """Return one label (N,) of each image: of several (N, K) the rarest, and K of an image with
    none.

    >>> one_label(torch.tensor([[1, 1], [0, 1], [0, 0]], dtype=torch.uint8))
    tensor([0, 1, 2])
    """
    if targets.ndim == 1:
        return targets
    rarest_first = targets.sum(0, dtype=torch.int64).argsort(stable=True)
    ordered = targets[:, rarest_first]
    none = torch.full((len(targets),), targets.shape[1])
    if not targets.shape[1]:
        return none
    return torch.where(ordered.bool().any(1), rarest_first[ordered.argmax(1)], none)


def split_off(split: Split, fraction: float, split_seed: int) -> tuple[Split, Split]:
    """Return `split` without, and with only, a stratified `fraction` of it.

    No group is in both. Raises `ValueError` for a single group.
    """
    rng = generator(split_seed, "split")
    if split.groups is None:
        kept, held_out = stratified_split(split.targets, fraction, rng)
    else:
        shares = [1 - fraction, fraction]
        part_of = parts_of_groups(one_label(split.targets), split.groups, shares, rng)
        kept, held_out = (torch.nonzero(part_of == part).flatten() for part in (0, 1))
    return select(split, kept), select(split, held_out)


def split_in_three(
    split: Split, val_fraction: float, test_fraction: float, split_seed: int
) -> tuple[Split, Split, Split]:
    """Return train, validation and test splits; both fractions are of the whole.

    Raises `ValueError` where they leave nothing to train on.
    """
    if val_fraction + test_fraction >= 1:
        raise ValueError(
            f"val_fraction={val_fraction:g} and test_fraction={test_fraction:g} leave nothing to "
            "train on: together they need to be less than 1"
        )
    rest, test = split_off(split, test_fraction, split_seed)
    train, val = split_off(rest, val_fraction / (1 - test_fraction), split_seed + 1)
    return train, val, test
