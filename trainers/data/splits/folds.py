"""k-fold cross-validation: which images a trial of a seed is validated on."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor
from torch.utils.data import ConcatDataset, Dataset

from darkmagic.trainers.data.assembly.stats import channel_stats, class_counts
from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.splits.groups import count_groups, parts_of_groups
from darkmagic.trainers.data.splits.select import select
from darkmagic.trainers.data.splits.split import members_of_classes, one_label
from darkmagic.trainers.runtime.randomness import generator

__all__ = ["fold_indices", "hold_out_fold"]


def fold_indices(targets: Tensor, folds: int, rng: torch.Generator) -> Tensor:
    """Return the fold (N,), int64, of each image, by its class, so that folds are alike.

    `targets` is (N,), or (N, K) of several labels, of which an image counts as of its rarest. Folds
    differ by one image at most, in all and of each class.

    >>> classes, rng = torch.tensor([0, 0, 0, 1, 1, 1]), torch.Generator().manual_seed(0)
    >>> fold_indices(classes, 3, rng).bincount()
    tensor([2, 2, 2])
    """
    targets = one_label(targets)
    fold_of = torch.empty(len(targets), dtype=torch.int64)
    dealt = 0
    for in_order in members_of_classes(targets):
        members = in_order[torch.randperm(len(in_order), generator=rng)]
        fold_of[members] = (torch.arange(len(members)) + dealt) % folds
        dealt += len(members)
    return fold_of


def hold_out_fold(data: Data, folds: int, block: int, split_seed: int) -> Data:
    """Return `data` with train and val joined: one of `folds` parts is val, the others train.

    `block` is a seed: of `folds` in a row each validates on another part, and the next `folds`
    on those of another partition. The test split stays, and no two folds share a group. Raises
    `ValueError` for fewer images, or groups, than folds.
    """
    whole = _joined(data.train, data.val)
    if len(whole) < folds:
        raise ValueError(f"folds={folds}: there are {len(whole)} images beside those of test")
    repetition, fold = divmod(block, folds)
    rng = generator(split_seed, "folds", repetition)
    if whole.groups is None:
        fold_of = fold_indices(whole.targets, folds, rng)
    else:
        among = count_groups(whole.groups)
        if among < folds:
            raise ValueError(f"folds={folds}: there are {among} groups beside those of test")
        fold_of = parts_of_groups(one_label(whole.targets), whole.groups, [1 / folds] * folds, rng)
    train = select(whole, torch.nonzero(fold_of != fold).flatten())
    val = select(whole, torch.nonzero(fold_of == fold).flatten())
    name = f"fold {block} of {folds} by {split_seed}"
    keep = data.keep_stats
    mean, std = channel_stats(train) if keep is None else keep(train, name)
    counts = class_counts(whole.targets, len(data.classes))
    few = [data.classes[i] for i in ((counts > 0) & (counts < folds)).nonzero().flatten().tolist()]
    doubts = [f"fewer images than the {folds} folds: {', '.join(few[:5])}"] if few else []
    of_groups = "" if whole.groups is None else f" of {count_groups(whole.groups):,} groups"
    note = (
        f"{folds} folds of train and val, {len(whole):,} images{of_groups}: fold {fold + 1} of "
        f"partition {repetition + 1} is validated on"
    )
    return dataclasses.replace(
        data,
        train=train,
        val=val,
        mean=mean,
        std=std,
        notes=(*data.notes, note),
        doubts=(*data.doubts, *doubts),
    )


def _joined(train: Split, val: Split) -> Split:
    targets = torch.cat([train.targets, val.targets])
    groups = None
    if train.groups is not None and val.groups is not None:
        groups = torch.cat([train.groups, val.groups])
    if isinstance(train.images, Tensor) and isinstance(val.images, Tensor):
        return Split(torch.cat([train.images, val.images]), targets, groups)
    images: Dataset[Tensor] = ConcatDataset([train.images, val.images])  # type: ignore[list-item]
    return Split(images, targets, groups)
