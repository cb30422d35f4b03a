"""Trials at once have one copy of their images: what the system counts, not what we say."""

from __future__ import annotations

import multiprocessing
from multiprocessing.connection import Connection
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from darkmagic.trainers.data.folder import Folder

IMAGES, SIDE = 24, 512
MIB = 2**20
SMAPS = Path("/proc/self/smaps")


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Images of 18 MiB in memory, in train and val."""
    folder = tmp_path_factory.mktemp("shared") / "photos"
    rng = np.random.default_rng(0)
    for split in ("train", "val", "test"):
        for index in range(IMAGES if split == "train" else 2):
            path = folder / split / "ab"[index % 2] / f"{index}.jpg"
            path.parent.mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (SIDE, SIDE, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(path)
    Folder(str(folder), cache=str(folder.parent / "cache")).load(0)
    return folder


def _mapped(ending: str) -> dict[str, int]:
    """Return the bytes of this process's mappings of files with this `ending`, by kind."""
    sums: dict[str, int] = {}
    inside = False
    for line in SMAPS.read_text().splitlines():
        words = line.split()
        if "-" in words[0] and not words[0].endswith(":"):
            inside = line.endswith(ending)
        elif inside and words[-1] == "kB":
            sums[words[0][:-1]] = sums.get(words[0][:-1], 0) + int(words[1]) * 1024
    return sums


def _hold(root: Path, end: Connection) -> None:
    data = Folder(str(root), cache=str(root.parent / "cache")).load(0)
    total = int(data.train.images.sum())  # type: ignore[union-attr]
    end.send(total)
    end.recv()  # until all have theirs
    end.send(_mapped(".npy"))


@pytest.mark.skipif(not SMAPS.exists(), reason="only Linux tells how memory is shared")
def test_decoded_images_are_mapped_and_not_copied(root: Path) -> None:
    """Three processes that read all images hold next to none of them alone: each page is shared."""
    context = multiprocessing.get_context("fork")
    ends, children = [], []
    for _ in range(3):
        ours, theirs = context.Pipe()
        child = context.Process(target=_hold, args=(root, theirs))
        child.start()
        ends.append(ours)
        children.append(child)
    sums = {end.recv() for end in ends}
    for end in ends:
        end.send("go")
    found = [end.recv() for end in ends]
    for child in children:
        child.join()
    assert len(sums) == 1
    size = IMAGES * SIDE * SIDE * 3
    for each in found:
        assert each["Rss"] >= size
        assert each["Private_Dirty"] == 0
        assert each["Private_Clean"] + each["Anonymous"] < MIB
        assert each["Pss"] < 0.5 * each["Rss"]  # three share them


def test_a_write_to_images_stays_in_its_process(root: Path) -> None:
    """Who edits the images of a data set spoils nobody's cache."""
    cache = str(root.parent / "cache")
    first = Folder(str(root), cache=cache).load(0).train.images
    before = first.clone()  # type: ignore[union-attr]
    first.zero_()  # type: ignore[union-attr]
    again = Folder(str(root), cache=cache).load(0).train.images
    assert (again == before).all()  # type: ignore[union-attr]
