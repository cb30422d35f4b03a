"""A few images of a data set, of its size, channels and classes: to try a sweep with."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from darkmagic.trainers.data.base import Data, DataSet, Split
from darkmagic.trainers.data.folder import Folder
from darkmagic.trainers.data.select import read, spread
from darkmagic.trainers.data.torchvision_sets import TorchvisionSet
from darkmagic.trainers.fields import check_fields, whole

__all__ = ["Few"]


@dataclass(frozen=True)
class Few:
    """`count` images of each split of `source`, the others neither decoded nor downloaded.

    A set that torchvision downloads is replaced by noise of its size. What `source` raises when
    it is loaded, this raises too.

    >>> from darkmagic.trainers.data import Digits
    >>> data = Few(Digits(), count=20).load(split_seed=0)
    >>> len(data.train), len(data.classes), data.size
    (20, 10, (8, 8))
    """

    source: DataSet
    count: int = whole(48, at_least=1)

    def __post_init__(self) -> None:
        check_fields(self)

    def load(self, split_seed: int) -> Data:
        """Return the three splits, which depend on `split_seed` and the fields alone."""
        source = self.source
        if isinstance(source, TorchvisionSet):
            return source.noise(self.count)
        if isinstance(source, Folder):
            source = dataclasses.replace(source, memory_budget=0)  # files are read as needed
        data = source.load(split_seed)
        splits = {name: self._few(getattr(data, name)) for name in ("train", "val", "test")}
        return dataclasses.replace(data, **splits)

    def _few(self, split: Split) -> Split:
        return read(split, spread(len(split), self.count)) if len(split) else split
