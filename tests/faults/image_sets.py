"""Folders of images for tests of how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from PIL import Image


def picture(seed: int, height: int = 8, width: int = 8) -> np.ndarray:
    """Return a random grey picture (H, W), uint8, that uses the whole range."""
    grey = np.random.default_rng(seed).integers(0, 256, (height, width), dtype=np.uint8)
    grey[0, 0], grey[-1, -1] = 0, 255
    return grey


def save_images(folder: Path, count: int, first: int = 0) -> None:
    """Save `count` pictures of the seeds from `first` on."""
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(count):
        Image.fromarray(picture(first + number)).save(folder / f"{number}.png")


def make_set(root: Path, counts: Mapping[str, int]) -> Path:
    """Make a set with so many images in each folder, none twice; return `root`."""
    first = 0
    for name, count in counts.items():
        save_images(root / name, count, first)
        first += count
    return root
