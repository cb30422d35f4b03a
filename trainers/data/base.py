"""What a data set hands to the trainer."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor
from torch.utils.data import Dataset

__all__ = ["Data", "DataSet", "Split", "Stats"]

Stats = tuple[tuple[float, ...], tuple[float, ...]]
"""Mean and standard deviation a channel."""


@dataclass(frozen=True)
class Split:
    """Images with their classes: in memory, or read when asked for.

    `targets` is int64 (N,), or uint8 (N, K) where an image may have several labels, or none: 1 of
    those that it has. `images` is a uint8 tensor (N, C, H, W), or a torch `Dataset`
    whose items are uint8 tensors (C, H, W), all of one size. `groups`, int64 (N,), are numbers of
    what images are of, such as patients, which no two splits or folds share; None where each is
    of its own.

    >>> split = Split(torch.zeros(2, 3, 8, 8, dtype=torch.uint8), torch.tensor([0, 1]))
    >>> len(split)
    2
    """

    images: Tensor | Dataset[Tensor]
    targets: Tensor
    groups: Tensor | None = None

    def __len__(self) -> int:
        return len(self.targets)


@dataclass(frozen=True)
class Data:
    """Three disjoint splits. `mean` and `std` are the training split's, per channel, in [0, 1].

    `flip` and `pad` are the geometry that suits the images: whether a mirrored image keeps
    its class, and how many pixels a random crop may shift. `notes` say how the images were read,
    and `doubts` what of that may not be meant, a sentence each: both are shown before training.
    `keep_stats` finds mean and deviation of a split of these images that has a name, once for all
    trials; None where that takes no time.

    >>> from darkmagic.trainers.data import Shapes
    >>> data = Shapes(count=100).load(split_seed=0)
    >>> len(data.train), len(data.val), len(data.test), data.channels, data.size
    (60, 20, 20, 1, (8, 8))
    """

    train: Split
    val: Split
    test: Split
    classes: tuple[str, ...]
    channels: int
    size: tuple[int, int]  # height, width
    mean: tuple[float, ...]
    std: tuple[float, ...]
    flip: bool = True
    pad: int = 4
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    keep_stats: Callable[[Split, str], Stats] | None = None

    @property
    def multilabel(self) -> bool:
        """Whether an image may have several labels, or none."""
        return self.train.targets.ndim == 2


class DataSet(Protocol):
    """A named source of `Data`. Fields are hyper-parameters; `load` reads or makes the images.

    >>> from darkmagic.trainers.data import Digits
    >>> source: DataSet = Digits()  # a class with `load` is one: there is nothing to inherit
    >>> source.load(split_seed=0).size
    (8, 8)
    """

    def load(self, split_seed: int) -> Data:
        """Return the three splits, which depend on `split_seed` alone.

        Raises `TrialSkipped` where the images are not available, such as offline.
        """
        ...
