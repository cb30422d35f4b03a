"""The index of image folders: what is noticed, what is not read again, and what damages it."""

from __future__ import annotations

import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from darkmagic.trainers.data.folder import Folder
from darkmagic.trainers.data.image_files.index import Listing, list_classes
from darkmagic.trainers.data.image_files.scan import Scan, scan_folder
from darkmagic.trainers.data.splits.split import members_of_classes

CLASSES = ["cat", "dog", "\udcffx"]  # the last name is not UTF-8
SETTLED = 0.05
"""Seconds after which these tests take a folder as settled: the disk's own steps are shorter."""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three classes of four images, one with folders of its own, that changed a while ago."""
    folder = tmp_path / "photos"
    for name in CLASSES:
        for number in range(4):
            path = folder / name / ("inner" if number == 3 else "") / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.new("RGB", (8, 8), (number * 9, 0, 0)).save(path)
    time.sleep(2 * SETTLED)
    return folder


def _listed(root: Path) -> Listing:
    return list_classes(root, CLASSES, str(root.parent / "cache"), SETTLED)


def _fresh(root: Path) -> dict[str, Scan]:
    return {name: scan_folder(root / name) for name in CLASSES}


def _opened(root: Path) -> list[str]:
    """Return the class folders whose names a process reads to list them, as the system sees it."""
    cache = str(root.parent / "cache")
    code = (
        "import json, sys\nfrom pathlib import Path\n"
        "from darkmagic.trainers.data.image_files.index import list_classes\n"
        "found = []\n"
        "sys.addaudithook(lambda event, args: event == 'os.scandir' and found.append(args[0]))\n"
        f"list_classes(Path({str(root)!r}), {CLASSES!r}, {cache!r}, {SETTLED})\n"
        "print(json.dumps([Path(path).name for path in found]))\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    names: list[str] = json.loads(done.stdout)
    return names


def test_folders_are_read_once_and_then_only_looked_at(root: Path) -> None:
    """A second process reads no folder; after a change in one class it reads that one alone."""
    assert sorted(_opened(root)) == sorted([*CLASSES, *["inner"] * len(CLASSES)])
    assert _opened(root) == []
    (root / "dog" / "new.png").touch()
    time.sleep(2 * SETTLED)
    assert _opened(root) == ["dog", "inner"]
    assert _opened(root) == []


def _replaced(root: Path) -> None:
    other = root.parent / "other.png"
    other.write_bytes(b"another file")
    other.replace(root / "cat" / "0.png")


def _moved_back(root: Path) -> None:
    """Remove an image and set the folder's time back, as what unpacks an archive does."""
    status = (root / "cat").stat()
    (root / "cat" / "0.png").unlink()
    os.utime(root / "cat", ns=(status.st_atime_ns, status.st_mtime_ns))


CHANGES: dict[str, Callable[[Path], object]] = {
    "added": lambda root: (root / "cat" / "new.jpg").touch(),
    "added to an inner folder": lambda root: (root / "dog" / "inner" / "new.jpg").touch(),
    "removed": lambda root: (root / "cat" / "0.png").unlink(),
    "renamed": lambda root: (root / "cat" / "0.png").rename(root / "cat" / "z.png"),
    "moved to another class": lambda root: (root / "cat" / "0.png").rename(root / "dog" / "z.png"),
    "replaced": _replaced,
    "removed with the time set back": _moved_back,
    "new inner folder": lambda root: shutil.copytree(root / "cat", root / "dog" / "more"),
    "class replaced": lambda root: (
        shutil.copytree(root / "cat", root / "c"),
        shutil.rmtree(root / "cat"),
        (root / "c" / "1.png").unlink(),
        (root / "c").rename(root / "cat"),
    ),
    "link to nothing": lambda root: (root / "dog" / "more").symlink_to(root / "not mounted"),
    "linked folder": lambda root: (root / "dog" / "link").symlink_to(root / "cat"),
}


@pytest.mark.parametrize("settles", [True, False], ids=["later", "at once"])
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_changed_names_are_noticed(
    root: Path, change: Callable[[Path], object], *, settles: bool
) -> None:
    """Whatever changes names in a folder, the listing is that of a fresh look, and its digest
    another: also right after the folders were listed, when times may not tell.
    """
    before = _listed(root)
    assert before.scans == _fresh(root)
    assert _listed(root) == before
    change(root)
    if settles:
        time.sleep(2 * SETTLED)
    after = _listed(root)
    assert after.scans == _fresh(root)
    assert after.digest != before.digest
    assert _listed(root) == after


def test_link_is_followed_once_its_folder_is_there(root: Path) -> None:
    """As that of a disk which was not mounted: no folder of the class changes when it is."""
    for name in ("dog", "cat/inner"):
        (root.parent / "disk").mkdir(exist_ok=True)
        (root.parent / "disk").rename(root.parent / "away")
        (root / name / "more").symlink_to(root.parent / "disk" / "more")
        time.sleep(2 * SETTLED)
        before = _listed(root)
        assert before.scans == _fresh(root)
        assert sum(scan.doubtful["links to nothing"] for scan in before.scans.values())
        assert _listed(root) == before
        (root.parent / "away").rename(root.parent / "disk")
        shutil.copytree(root / "cat" / "inner", root.parent / "disk" / "more", dirs_exist_ok=True)
        after = _listed(root)
        assert after.scans == _fresh(root)
        assert after.digest != before.digest
        assert not any(scan.doubtful["links to nothing"] for scan in after.scans.values())


def test_mean_is_of_files_that_were_written_over_in_place(root: Path) -> None:
    """A set that was converted where it lies has the mean of its pixels as they are now; what was
    checked of its files is checked again.
    """
    source = Folder(str(root), cache=str(root.parent / "cache"), memory_budget=0)
    before = source.load(0).mean
    for path in root.rglob("*.png"):
        with path.open("r+b") as file:
            Image.new("RGB", (8, 8), (200, 0, 0)).save(file, "png")
    after = source.load(0).mean
    assert after[0] == pytest.approx(200 / 255, abs=1e-3) != before[0]
    victim = min(root.rglob("*.png"))
    victim.write_text("no image")
    with pytest.raises(ValueError, match=f"{victim.name}: not an image"):
        source.load(0)


def test_file_written_over_in_place_is_read_as_it_is_now(root: Path) -> None:
    """Its folder does not change, so that it is listed as before, and its pixels are the new."""
    cache = str(root.parent / "cache")
    before = Folder(str(root), cache=cache, memory_budget=0).load(0)
    listing = _listed(root)
    for path in root.rglob("*.png"):
        with path.open("wb") as file:
            Image.new("RGB", (8, 8), (200, 0, 0)).save(file, "png")
    assert _listed(root) == listing
    after = Folder(str(root), cache=cache, memory_budget=0).load(0)
    assert int(before.train.images[0][0, 0, 0]) == int(after.train.images[0][0, 0, 0]) == 200
    kept = Folder(str(root), cache=cache).load(0)
    assert int(kept.train.images[0][0, 0, 0]) == 200


@pytest.mark.parametrize(
    "damage",
    [
        lambda content: content[:0],
        lambda content: content[: len(content) // 2],
        lambda content: content.replace(b"0.png", b"9.png"),
        lambda content: b"99" + content,
        lambda content: content[::-1],
    ],
    ids=["empty", "cut", "a name changed", "another version", "reversed"],
)
def test_damaged_index_is_made_anew(root: Path, damage: Callable[[bytes], bytes]) -> None:
    """It is never believed, and replaced by a sound one."""
    before = _listed(root)
    (index,) = (root.parent / "cache" / "index").glob("*.json")
    sound = index.read_bytes()
    assert damage(sound) != sound
    index.write_bytes(damage(sound))
    assert _listed(root) == before
    assert index.read_bytes() == sound
    assert not list(index.parent.glob("*part*"))


def test_folder_that_just_changed_is_not_kept(root: Path) -> None:
    """Its next change might leave its time as it is; as soon as it has settled it is kept."""
    (root / "cat" / "new.png").touch()
    list_classes(root, CLASSES, str(root.parent / "cache"))
    (index,) = (root.parent / "cache" / "index").glob("*.json")
    assert json.loads(index.read_bytes().partition(b"\n")[2]) == {}


def test_cache_that_cannot_be_written_costs_time_alone(
    root: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The listing is the same, and the log says that it is not kept."""
    (root.parent / "cache").write_text("a file where the folder should be")
    assert _listed(root).scans == _fresh(root)
    assert "index of images is not kept" in caplog.text


def _list_in_child(root: Path, queue: multiprocessing.Queue[str]) -> None:
    queue.put(_listed(root).digest)


def test_processes_that_list_at_once_agree(root: Path) -> None:
    """Six at once have one listing, and leave one index and nothing half-written."""
    context = multiprocessing.get_context("fork")
    queue: multiprocessing.Queue[str] = context.Queue()
    children = [context.Process(target=_list_in_child, args=(root, queue)) for _ in range(6)]
    for child in children:
        child.start()
    digests = {queue.get(timeout=60) for _ in children}
    for child in children:
        child.join()
    assert digests == {_listed(root).digest}
    assert len(list((root.parent / "cache" / "index").glob("*.json"))) == 1
    assert not list((root.parent / "cache" / "index").glob("*part*"))


@pytest.mark.parametrize("damage", [None, "", "[[0.5], [0.2]]", "[1", "[[2, 2, 2], [1, 1, 1]]"])
def test_mean_is_read_once_and_kept_to_the_last_digit(root: Path, damage: str | None) -> None:
    """The second trial takes the first one's figures; damaged ones are made anew."""
    source = Folder(str(root), cache=str(root.parent / "cache"), memory_budget=0)
    first = source.load(0)
    (kept,) = (root.parent / "cache" / "images").glob("*.stats")
    if damage is not None:
        kept.write_text(damage)
    second = source.load(0)
    assert (second.mean, second.std) == (first.mean, first.std)
    in_memory = Folder(str(root), cache=str(root.parent / "cache")).load(0)
    assert (in_memory.mean, in_memory.std) == (first.mean, first.std)
    source.load(1)
    assert len(list(kept.parent.glob("*.stats"))) == 2  # other images are in train


@pytest.mark.parametrize("classes", [1, 3, 40])
def test_members_of_classes_are_those_that_equal_them(classes: int) -> None:
    """In ascending order, class by class, of any targets."""
    for seed in range(20):
        rng = np.random.default_rng(seed)
        targets = torch.from_numpy(rng.integers(0, classes, int(rng.integers(0, 100))))
        expected = [torch.nonzero(targets == cls).flatten() for cls in torch.unique(targets)]
        found = members_of_classes(targets)
        assert [a.tolist() for a in found] == [a.tolist() for a in expected]
