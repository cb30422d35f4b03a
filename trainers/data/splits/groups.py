"""Parts of images of which none shares a group, such as a patient, with another."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

__all__ = ["count_groups", "parts_of_groups"]


def count_groups(groups: Tensor) -> int:
    """Return how many different groups there are."""
    return len(np.unique(groups.numpy()))


def parts_of_groups(
    labels: Tensor, groups: Tensor, shares: Sequence[float], rng: torch.Generator
) -> Tensor:
    """Return the part (N,), int64, of each image: all images of a group are in one.

    `labels` and `groups` are int64 (N,), one of each image, and `shares` those of the parts, 1
    together. Groups are dealt out one by one, the largest first and equals as `rng` has them, each
    to the part in which it brings the labels nearest to their shares, by chi-square; this is the
    greedy way of scikit-learn's `StratifiedGroupKFold`, for parts of any size. No part is empty.
    Raises `ValueError` for fewer groups than parts.

    >>> classes, patients = torch.tensor([0, 0, 1, 1, 0, 1]), torch.tensor([7, 7, 8, 8, 9, 9])
    >>> rng = torch.Generator().manual_seed(0)
    >>> parts_of_groups(classes, patients, [1 / 3] * 3, rng)[::2].sort().values
    tensor([0, 1, 2])
    """
    classes = np.unique(labels.numpy(), return_inverse=True)[1]
    names, group_of = np.unique(groups.numpy(), return_inverse=True)
    if len(names) < len(shares):
        raise ValueError(
            f"{len(names)} of the groups (dataset.source.group) cannot be divided into "
            f"{len(shares)} parts: give more images, or name another column"
        )
    counts = np.zeros((len(names), classes.max() + 1))
    np.add.at(counts, (group_of, classes), 1)
    expected = np.outer(shares, counts.sum(0))
    filled = np.zeros_like(expected)
    drawn = torch.randperm(len(names), generator=rng).numpy()
    order = drawn[np.argsort(-counts.sum(1)[drawn], kind="stable")]
    part_of = np.empty(len(names), dtype=np.int64)
    for group in order:
        own = counts[group]
        costs = ((2 * (filled - expected) + own) * own / expected).sum(1)
        part_of[group] = costs.argmin()
        filled[part_of[group]] += own
    _fill(part_of, order, len(shares))
    return torch.from_numpy(part_of[group_of])


def _fill(part_of: np.ndarray, smallest_last: np.ndarray, parts: int) -> None:
    """Give each empty part the smallest group of those parts that have several."""
    for part in range(parts):
        members = np.bincount(part_of, minlength=parts)
        if not members[part]:
            spare = next(g for g in reversed(smallest_last) if members[part_of[g]] > 1)
            part_of[spare] = part
