"""How long a folder of very many images takes to start with, the first time and after that.

    python tests/benchmarks/many_files.py [--files N] [--under FOLDER] [--json] [--results]

Makes as many tiny JPEG files as asked for, hard links of a few hundred, in a thousand classes, and
removes them at the end. Names are listed by ours without an index, by ours with one, and by
torchvision's ImageFolder; then all that a trial waits for before it builds its network (names, a
look at the start of each file, the mean of 4,096 images) is timed, once first and then again. All
names are in the system's memory: a disk or a file server that is cold takes longer for each.
"""

from __future__ import annotations

import argparse
import itertools
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image
from torchvision.datasets import ImageFolder

from darkmagic.trainers.data.folder import Folder
from darkmagic.trainers.data.image_files.index import list_classes
from harness.machine import versions
from harness.table import Row, arguments, compared, limited, publish
from harness.turns import Measured, take_turns

CLASSES, IMAGES, SIDE = 1000, 300, 32
FIRST, AGAIN, PEER = "listed anew", "listed again", "torchvision's ImageFolder"
LOAD_FIRST, LOAD_AGAIN = "started first", "started again"


def make_files(root: Path, files: int) -> None:
    """Fill `root` with train/CLASS/*.jpg and val/CLASS/*.jpg, `files` in all."""
    originals = root.parent / "originals"
    originals.mkdir()
    rng = np.random.default_rng(0)
    for index in range(IMAGES):
        pixels = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(originals / f"{index}.jpg")
    each = files // CLASSES
    splits = {"val": max(1, each // 20)}
    splits["train"] = each - splits["val"]
    for split, index in itertools.product(splits, range(CLASSES)):
        folder = root / split / f"n{index:08d}"
        folder.mkdir(parents=True)
        for number in range(splits[split]):
            source = originals / f"{(index * each + number) % IMAGES}.jpg"
            os.link(source, folder / f"{folder.name}_{number:06d}.jpg")


class Sides:
    """What is timed; a cache that is new each time makes a first start."""

    def __init__(self, root: Path, cache: Path) -> None:
        self.root, self._cache, self.kept = root, cache, cache / "kept"
        self._new = itertools.count()
        self._classes = sorted(os.listdir(root / "train"))  # noqa: PTH208 (names alone)

    def listed(self, cache: str) -> float:
        """Return seconds to list train."""
        return _seconds(lambda: list_classes(self.root / "train", self._classes, cache))

    def started(self, cache: str) -> float:
        """Return seconds to load all, images as they are needed."""
        source = Folder(str(self.root), memory_budget=0, cache=cache)
        return _seconds(lambda: source.load(0))

    def peer(self) -> float:
        """Return seconds of torchvision's listing."""
        return _seconds(lambda: ImageFolder(str(self.root / "train")))

    def new_cache(self) -> str:
        """Return a cache that has nothing yet."""
        return str(self._cache / f"new{next(self._new)}")

    def turns(self) -> dict[str, Callable[[], float]]:
        """Return each side by name."""
        kept = str(self.kept)
        return {
            FIRST: lambda: self.listed(self.new_cache()),
            AGAIN: lambda: self.listed(kept),
            PEER: self.peer,
            LOAD_AGAIN: lambda: self.started(kept),
        }


def _seconds(call: Callable[[], object]) -> float:
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def rows(measured: dict[str, Measured], train: int, files: int) -> list[Row]:
    """Return a row a figure, with files a second in its note."""
    rate = {name: f"{train / each.median:,.0f} files/s" for name, each in measured.items()}
    many = f"{train:,} files in {CLASSES:,} folders"
    return [
        compared(
            f"list {many}, {name}",
            PEER,
            "s",
            measured[name],
            measured[PEER],
            at_least=goal,
            rate=False,
            note=f"{rate[name]}, beside {rate[PEER]}",
        )
        for name, goal in ((FIRST, None), (AGAIN, 2.0))
    ] + [
        limited(f"start with {files:,} images, first", "s", measured[LOAD_FIRST], at_most=None),
        limited(f"start with {files:,} images, again", "s", measured[LOAD_AGAIN], at_most=None),
    ]


def main() -> None:
    """Make the files, measure and print."""
    parser = arguments(__doc__)
    parser.add_argument("--files", type=int, default=300_000)
    parser.add_argument("--under", type=Path, default=None, help="where the files are made")
    options: argparse.Namespace = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.under) as folder:
        root = Path(folder) / "images"
        make_files(root, options.files)
        time.sleep(3)  # until the folders have settled
        sides = Sides(root, Path(folder) / "cache")
        first = Measured((sides.started(str(sides.kept)),))  # once: it takes a minute
        measured = {LOAD_FIRST: first, **take_turns(sides.turns(), repeats=options.repeats)}
        train = sum(len(found) for _, _, found in os.walk(root / "train"))
    publish("many_files", rows(measured, train, options.files), versions("torchvision"), options)


if __name__ == "__main__":
    main()
