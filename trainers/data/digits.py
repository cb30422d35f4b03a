"""scikit-learn's digits: 1,797 real grey images of 8 x 8 pixels, shipped with the package.

Source: Alpaydin & Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI repository.
"""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np
import torch

from darkmagic.trainers.data.assembly.assemble import assemble
from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.splits.split import split_in_three
from darkmagic.trainers.fields import check_fields, number

__all__ = ["Digits"]


@dataclass(frozen=True)
class Digits:
    """Ten classes, one channel, values scaled from 0..16 to 0..255. Mirrored digits are not
    digits, so there is no flip; a crop shifts by one pixel at most.

    >>> data = Digits().load(split_seed=0)
    >>> len(data.train), data.channels, data.size, data.flip
    (1079, 1, (8, 8), False)
    """

    val_fraction: float = number(0.2, above=0, below=1)
    test_fraction: float = number(0.2, above=0, below=1)
    constraints: ClassVar[tuple[str, ...]] = ("val_fraction + test_fraction < 1",)

    def __post_init__(self) -> None:
        check_fields(self)

    def load(self, split_seed: int) -> Data:
        """Return the three splits, which depend on `split_seed` and the fields alone."""
        table = np.loadtxt(_file(), delimiter=",")  # 64 pixels and the class
        grey = torch.tensor(table[:, :64] * (255 / 16)).round().to(torch.uint8)
        targets = torch.tensor(table[:, 64], dtype=torch.int64)
        whole = Split(grey.view(-1, 1, 8, 8), targets)
        splits = split_in_three(whole, self.val_fraction, self.test_fraction, split_seed)
        return assemble(*splits, [str(digit) for digit in range(10)], flip=False, pad=1)


def _file() -> Path:
    """Find the file that `sklearn.datasets.load_digits` reads, without scikit-learn's import,
    which takes as long as torch's.
    """
    spec = importlib.util.find_spec("sklearn")
    if spec is None or spec.origin is None:
        raise ModuleNotFoundError("the digits come with scikit-learn: pip install scikit-learn")
    return Path(spec.origin).parent / "datasets" / "data" / "digits.csv.gz"
