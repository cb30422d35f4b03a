"""Images that are drawn in milliseconds, so that a benchmark measures training alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from darkmagic.trainers.data.base import Data, Split

__all__ = ["CLASSES", "Pictures"]

CLASSES = 10


@dataclass(frozen=True)
class Pictures:
    """`count` images of `size` x `size`: a coarse pattern a class, and noise. No file is read."""

    count: int = 12_800
    size: int = 32
    held_out: int = 1_000

    def load(self, split_seed: int) -> Data:
        """Return the splits, always the same."""
        del split_seed
        parts = [
            self._split(n, seed)
            for seed, n in enumerate((self.count, self.held_out, self.held_out))
        ]
        names = tuple(map(str, range(CLASSES)))
        return Data(*parts, names, 3, (self.size, self.size), (0.5,) * 3, (0.25,) * 3)

    def _split(self, count: int, seed: int) -> Split:
        rng = np.random.default_rng(seed)
        classes = np.arange(count) % CLASSES
        coarse = np.random.default_rng(9).integers(-40, 40, (CLASSES, 3, 4, 4), dtype=np.int16)[
            classes
        ]
        images = coarse.repeat(self.size // 4, 2).repeat(self.size // 4, 3)
        images += rng.integers(78, 178, images.shape, dtype=np.int16)
        return Split(torch.from_numpy(images.astype(np.uint8)), torch.from_numpy(classes))
