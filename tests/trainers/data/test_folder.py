"""Images in folders: layouts, sizes, the cache, and unreadable files."""

from __future__ import annotations

import multiprocessing
import os
import re
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkmagic.trainers.data.folder import Folder
from darkmagic.trainers.data.image_files.decode import ImageFiles


def _image(path: Path, seed: int, size: tuple[int, int] = (8, 8)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
    Image.fromarray(pixels).save(path)


def _make(root: Path, parts: dict[str, int], size: tuple[int, int] = (8, 8)) -> Path:
    for part, count in parts.items():
        for cls in ("cat", "dog"):
            for number in range(count):
                _image(root / part / cls / f"{number}.png", hash((part, cls, number)) % 2**32, size)
    return root


def test_splits_are_read_from_their_folders(tmp_path: Path) -> None:
    """Each split is read from its own folder, with the files' pixels."""
    root = _make(tmp_path / "d", {"train": 6, "val": 2, "test": 3})
    data = Folder(str(root)).load(0)
    assert [len(s) for s in (data.train, data.val, data.test)] == [12, 4, 6]
    assert data.classes == ("cat", "dog")
    pixels = torch.from_numpy(np.array(Image.open(root / "val" / "cat" / "0.png")))
    assert torch.equal(data.val.images[0], pixels.permute(2, 0, 1))
    assert data.val.targets.tolist() == [0, 0, 1, 1]


def test_missing_splits_are_taken_from_existing_ones(tmp_path: Path) -> None:
    """Validation is taken from train, and a folder without train/ is split three ways."""
    data = Folder(str(_make(tmp_path / "a", {"train": 10, "test": 3}))).load(0)
    assert [len(s) for s in (data.train, data.val, data.test)] == [18, 2, 6]
    data = Folder(str(_make(tmp_path / "b", {"": 10})), val_fraction=0.2).load(0)
    assert [len(s) for s in (data.train, data.val, data.test)] == [12, 4, 4]


def test_images_are_resized_and_cropped_to_one_size(tmp_path: Path) -> None:
    """Images are resized and center-cropped; without `size`, images must have one size."""
    root = _make(tmp_path / "d", {"train": 4}, (12, 10))
    _image(root / "train" / "cat" / "odd.png", 1, (30, 9))
    data = Folder(str(root), size=8, val_fraction=0.3).load(0)
    assert data.train.images.shape[1:] == (3, 8, 8)
    with pytest.raises(ValueError, match=r"odd.png is 30 x 9.*dataset.source.size"):
        Folder(str(root)).load(0)


def test_images_over_the_memory_budget_are_read_when_needed(tmp_path: Path) -> None:
    """Images over the memory budget are read from files when needed and equal those in memory."""
    root = str(_make(tmp_path / "d", {"train": 6, "val": 2, "test": 2}))
    kept, lazy = Folder(root).load(0), Folder(root, memory_budget=10).load(0)
    assert isinstance(lazy.train.images, ImageFiles)
    assert torch.equal(torch.stack([lazy.train.images[i] for i in range(12)]), kept.train.images)
    assert lazy.mean == kept.mean


def test_changed_files_are_decoded_again(tmp_path: Path) -> None:
    """The cache is not used if the name, size or modification time of a file has changed."""
    root = _make(tmp_path / "d", {"train": 6, "val": 2, "test": 2})
    cache = tmp_path / "cache"
    before = Folder(str(root), cache=str(cache)).load(0)
    again = Folder(str(root), cache=str(cache)).load(0)
    assert torch.equal(before.train.images, again.train.images)
    assert len(list((cache / "images").glob("*.npy"))) == 3
    changed = root / "train" / "cat" / "0.png"
    _image(changed, 99)
    os.utime(changed, ns=(1, 1))
    after = Folder(str(root), cache=str(cache)).load(0)
    assert not torch.equal(before.train.images[0], after.train.images[0])


def _load(root: str, cache: str, queue: multiprocessing.Queue[int]) -> None:
    queue.put(int(Folder(root, cache=cache).load(0).train.images.sum()))


def test_concurrent_processes_share_one_decoded_cache(tmp_path: Path) -> None:
    """Processes that start at once read the same images, and no partial cache file is left."""
    root, cache = str(_make(tmp_path / "d", {"train": 6, "val": 2, "test": 2})), tmp_path / "cache"
    context = multiprocessing.get_context("spawn")
    queue = context.Queue()
    children = [context.Process(target=_load, args=(root, str(cache), queue)) for _ in range(2)]
    for child in children:
        child.start()
    sums = {queue.get(timeout=120) for _ in children}
    for child in children:
        child.join()
    assert len(sums) == 1
    assert not list((cache / "images").glob("*part*"))


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (lambda root: (root / "train" / "cat" / "bad.png").write_bytes(b"no"), "bad.png"),
        (lambda root: _image(root / "val" / "cow" / "0.png", 0), "cow"),
        (lambda root: [p.unlink() for p in root.rglob("*.png")], "no images under"),
    ],
)
def test_bad_folder_contents_are_refused_by_path(
    tmp_path: Path, spoil: object, message: str
) -> None:
    """An unreadable image, an unknown class and an empty folder are errors that name the path."""
    root = _make(tmp_path / "d", {"train": 4, "val": 2})
    assert callable(spoil)
    spoil(root)
    with pytest.raises(ValueError, match=re.escape(message)):
        Folder(str(root)).load(0)


def test_missing_root_folder_is_refused_by_key(tmp_path: Path) -> None:
    """The error for a folder that does not exist names the key of the configuration."""
    with pytest.raises(ValueError, match=r"dataset\.source\.root"):
        Folder(str(tmp_path / "none")).load(0)


def test_first_cifar10_jpegs_are_read(tmp_path: Path, repo: Path) -> None:
    """Files of two of CIFAR-10's classes are read, where the archive is present."""
    default = repo.parent / "shared" / "data" / "cifar10-jpeg.tar.gz"
    archive = Path(os.environ.get("DARKMAGIC_CIFAR10_JPEG", default))
    if not archive.exists():
        pytest.skip(f"no CIFAR-10 archive at {archive}; name it by DARKMAGIC_CIFAR10_JPEG")
    with tarfile.open(archive) as tar:
        every = [m for m in tar if m.isfile() and "train" in Path(m.name).parts]
        for member in every[:30] + every[-30:]:  # of the first class and of the last
            target = tmp_path / "c" / "train" / Path(*Path(member.name).parts[1:])
            target.parent.mkdir(parents=True, exist_ok=True)
            content = tar.extractfile(member)
            assert content is not None
            target.write_bytes(content.read())
    data = Folder(str(tmp_path / "c")).load(0)
    assert data.size == (32, 32)
    assert len(data.train) + len(data.val) + len(data.test) == 60
    assert 0.1 < data.std[0] < 0.4
