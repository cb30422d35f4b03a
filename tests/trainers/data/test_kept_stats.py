"""The mean that images are scaled by: found once for all trials, and by what the images are."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from PIL import Image

from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.folder import Folder
from darkmagic.trainers.data.image_files.decode import Decoder
from darkmagic.trainers.data.splits.folds import hold_out_fold
from darkmagic.trainers.data.table import Table

COUNT = 40


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Images in two folders, and a table of them."""
    rows = ["image,label"]
    for index in range(COUNT):
        path = tmp_path / "photos" / "ab"[index % 2] / f"{index}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8), (index * 6, 255 - index, 0)).save(path)
        rows.append(f"{path.parent.name}/{path.name},{path.parent.name}")
    (tmp_path / "photos" / "labels.csv").write_text("\n".join(rows))
    return tmp_path / "photos"


def _table(photos: Path, cache: str) -> Data:
    file = str(photos / "labels.csv")
    return Table(file, memory_budget=0, cache=str(photos.parent / cache)).load(split_seed=0)


def _folder(photos: Path, cache: str) -> Data:
    return Folder(str(photos), memory_budget=0, cache=str(photos.parent / cache)).load(split_seed=0)


@pytest.mark.parametrize("load", [_table, _folder])
def test_trials_after_the_first_read_no_images_for_the_mean(
    photos: Path, monkeypatch: pytest.MonkeyPatch, load: Callable[[Path, str], Data]
) -> None:
    """Of the set and of each of its folds; the numbers are those of reading, to the last digit."""
    first = load(photos, "cache")
    folds = [hold_out_fold(first, 4, block, 0) for block in range(5)]
    assert len({fold.mean for fold in folds}) == 5
    read: list[object] = []
    of_file = Decoder.read
    monkeypatch.setattr(
        Decoder, "read", lambda self, path: read.append(path) or of_file(self, path)
    )
    again = load(photos, "cache")
    assert len(read) <= 2  # one for the size, and one for the number of channels
    assert (again.mean, again.std) == (first.mean, first.std)
    for block, fold in enumerate(folds):
        kept = hold_out_fold(again, 4, block, 0)
        assert (kept.mean, kept.std) == (fold.mean, fold.std)
        assert torch.equal(kept.train.targets, fold.train.targets)
    assert len(read) <= 2
    anew = load(photos, "another")
    assert (anew.mean, anew.std) == (first.mean, first.std)
    assert len(read) > COUNT / 2


@pytest.mark.parametrize("load", [_table, _folder])
def test_another_image_has_another_mean(photos: Path, load: Callable[[Path, str], Data]) -> None:
    """An image that is replaced changes the mean that is kept."""
    first = load(photos, "cache")
    for name in (photos / "a").glob("*.png"):
        white = photos / "white.png"
        Image.new("RGB", (8, 8), (255, 255, 255)).save(white)
        white.replace(name)
    assert load(photos, "cache").mean[2] > first.mean[2]
