"""scikit-learn's digits: 1,797 real grey images of 8 x 8 pixels, shipped with the package.

Source: Alpaydin & Kaynak 1998, "Optical Recognition of Handwritten Digits", UCI repository.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from darkmagic.trainers.data.assemble import assemble
from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.split import split_in_three

__all__ = ["Digits"]


@dataclass(frozen=True)
class Digits:
    """Ten classes, one channel, values scaled from 0..16 to 0..255. Mirrored digits are not
    digits, so there is no flip; a crop shifts by one pixel at most.
    """

    val_fraction: float = 0.2
    test_fraction: float = 0.2

    def load(self, split_seed: int) -> Data:
        from sklearn.datasets import load_digits  # noqa: PLC0415 (slow to import)

        digits = load_digits()
        grey = torch.tensor(digits.images * (255 / 16)).round().to(torch.uint8)
        whole = Split(grey[:, None], torch.tensor(digits.target, dtype=torch.int64))
        splits = split_in_three(whole, self.val_fraction, self.test_fraction, split_seed)
        return assemble(*splits, [str(digit) for digit in range(10)], flip=False, pad=1)
