"""Images in folders: train/CLASS/*.jpg, optionally val/ and test/, or CLASS/*.jpg alone."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from darkmagic.trainers.data.assemble import assemble
from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.decode import Decoder, ImageFiles, decode_all
from darkmagic.trainers.data.split import split_in_three, split_off
from darkmagic.trainers.fields import check_fields, flag, number, size, text, whole
from darkmagic.trainers.runtime.cache import expand

__all__ = ["Folder"]

EXTENSIONS = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff"}


@dataclass(frozen=True)
class Folder:
    """The images under `root`. A split that has no folder is taken from the others.

    `size` is the side of the square that images are resized and cropped to, or (height,
    width); None takes them as they are, which needs all of one size. Up to
    `memory_budget` bytes are decoded at once into memory and kept under `cache`; more are
    read as they are needed.

    >>> from PIL import Image
    >>> for name in ("cat", "dog"):
    ...     folder = Path("photos", "train", name)
    ...     folder.mkdir(parents=True)
    ...     for index in range(10):
    ...         Image.new("RGB", (16, 16), (index, 0, 0)).save(folder / f"{index}.png")
    >>> data = Folder("photos", size=8, cache="cache").load(split_seed=0)
    >>> data.classes, data.size
    (('cat', 'dog'), (8, 8))
    """

    root: str = text()
    size: int | Sequence[int] | None = size(None, at_least=1)
    channels: int = whole(3, at_least=1, at_most=3)
    flip: bool = flag(True)
    pad: int = whole(4, at_least=0)
    val_fraction: float = number(0.1, above=0, below=1)
    test_fraction: float = number(0.2, above=0, below=1)
    memory_budget: int = whole(2**31, at_least=0)
    cache: str | None = text(None)
    constraints: ClassVar[tuple[str, ...]] = ("channels == 1 or channels == 3",)

    def __post_init__(self) -> None:
        check_fields(self)

    def load(self, split_seed: int) -> Data:
        """Return the three splits, which depend on `split_seed`, the fields and the files.

        Raises `ValueError`, one line, where `root` is no folder.
        """
        root = expand(self.root)
        if not root.is_dir():
            raise ValueError(f"no folder {root} (dataset.source.root)")
        if not (root / "train").is_dir():
            whole, classes = self._read(root, None)
            splits = split_in_three(whole, self.val_fraction, self.test_fraction, split_seed)
            return assemble(*splits, classes, flip=self.flip, pad=self.pad)
        train, classes = self._read(root / "train", None)
        parts = {
            name: self._read(root / name, classes)[0] if (root / name).is_dir() else None
            for name in ("test", "val")
        }
        test, val = parts["test"], parts["val"]
        if test is None:
            train, test = split_off(train, self.test_fraction, split_seed)
        if val is None:
            train, val = split_off(train, self.val_fraction, split_seed + 1)
        return assemble(train, val, test, classes, flip=self.flip, pad=self.pad)

    def _read(self, folder: Path, known: Sequence[str] | None) -> tuple[Split, list[str]]:
        """Return the images of `folder` and its classes, which must be among `known`."""
        classes = sorted(path.name for path in folder.iterdir() if path.is_dir())
        if unknown := set(classes) - set(classes if known is None else known):
            raise ValueError(f"{folder} has classes that train has not: {sorted(unknown)}")
        order = list(known or classes)
        files, targets = _scan(folder, order)
        if not files:
            raise ValueError(
                f"no images under {folder}; expected CLASS/*.jpg or another of "
                f"{', '.join(sorted(EXTENSIONS))}"
            )
        decoder = Decoder.for_files(files, self.size, self.channels)
        images: Tensor | ImageFiles = ImageFiles(files, decoder)
        if len(files) * decoder.bytes_per_image <= self.memory_budget:
            images = decode_all(folder, files, decoder, self.cache)
        return Split(images, torch.tensor(targets)), order


def _scan(folder: Path, classes: Sequence[str]) -> tuple[list[str], list[int]]:
    """Return the image files below `folder` and the places of their classes, sorted.

    As strings: making a `Path` of each of a million files takes half a minute, in every trial.
    """
    files: list[str] = []
    targets: list[int] = []
    for index, name in enumerate(classes):
        found = [
            os.path.join(place, file)  # noqa: PTH118 (see above)
            for place, _, names in os.walk(folder / name)
            for file in names
            if os.path.splitext(file)[1].lower() in EXTENSIONS  # noqa: PTH122
        ]
        files += sorted(found, key=lambda path: path.split(os.sep))  # noqa: PTH206
        targets += [index] * len(found)
    return files, targets
