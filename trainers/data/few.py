"""A few images of a data set, of its size, channels and classes: to try a sweep with."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkmagic.trainers.data.assembly.usable import why_malformed
from darkmagic.trainers.data.base import Data, DataSet, Split
from darkmagic.trainers.data.folder import Folder
from darkmagic.trainers.data.huggingface import HuggingFace
from darkmagic.trainers.data.image_files.decode import Decoder, ImageFiles
from darkmagic.trainers.data.items import Items, as_data_set
from darkmagic.trainers.data.splits.select import read, spread
from darkmagic.trainers.data.table import Table
from darkmagic.trainers.data.webdataset import WebDataset
from darkmagic.trainers.fields import check_fields, whole

__all__ = ["Few"]


@dataclass(frozen=True)
class Few:
    """`count` images of each split of `source`, the others neither decoded nor downloaded.

    A set with a method `noise(count)`, as those that torchvision downloads have, gives images of
    its size by that. What `source` raises when it is loaded, this raises too.

    >>> from darkmagic.trainers.data import Digits
    >>> data = Few(Digits(), count=20).load(split_seed=0)
    >>> len(data.train), len(data.classes), data.size
    (20, 10, (8, 8))
    """

    source: DataSet | Any
    count: int = whole(48, at_least=1)

    def __post_init__(self) -> None:
        check_fields(self)

    def load(self, split_seed: int) -> Data:
        """Return the three splits, which depend on `split_seed` and the fields alone."""
        source = as_data_set(self.source)
        noise: Callable[[int], Data] | None = getattr(source, "noise", None)
        if callable(noise):
            return noise(self.count)
        if isinstance(source, Folder):
            source = _AsNeeded(**vars(source))
        elif isinstance(source, Table | Items | HuggingFace | WebDataset):
            source = dataclasses.replace(source, memory_budget=0)
        data = source.load(split_seed)
        if reason := why_malformed(data):
            raise ValueError(reason)
        return dataclasses.replace(
            data, train=self._few(data.train), val=self._few(data.val), test=self._few(data.test)
        )

    def _few(self, split: Split) -> Split:
        return read(split, spread(len(split), self.count)) if len(split) else split


class _AsNeeded(Folder):
    """Images of which none is read before it is asked for."""

    def _hold(self, folder: Path, files: list[str], decoder: Decoder, digest: str) -> ImageFiles:
        del folder, digest
        return ImageFiles(files, decoder)
