"""From splits to `Data`: the statistics and sizes that follow from them."""

from __future__ import annotations

from collections.abc import Sequence

from torch import Tensor

from darkmagic.trainers.data.assembly.stats import channel_stats
from darkmagic.trainers.data.base import Data, Split

__all__ = ["assemble"]


def assemble(
    train: Split,
    val: Split,
    test: Split,
    classes: Sequence[str],
    *,
    flip: bool,
    pad: int,
    stats: tuple[tuple[float, ...], tuple[float, ...]] | None = None,
) -> Data:
    """Return `Data` of three splits of one image size; `stats` are the mean and deviation of train,
    where they are known.
    """
    first = train.images[0]
    assert isinstance(first, Tensor)
    channels, height, width = first.shape
    mean, std = channel_stats(train) if stats is None else stats
    return Data(
        train, val, test, tuple(classes), channels, (height, width), mean, std, flip=flip, pad=pad
    )
