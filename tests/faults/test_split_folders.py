"""Which folder is which split, what is left out, and what is refused for being ambiguous."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.folder import EXTENSIONS, Folder
from darkmagic.trainers.data.image_files.layout import SPLIT_NAMES, split_of
from darkmagic.trainers.data.image_files.scan import scan_folder
from image_sets import make_set, save_images


def _load(root: Path) -> Data:
    return Folder(str(root), cache=str(root.with_suffix(".cache"))).load(0)


def _sizes(data: Data) -> tuple[int, int, int]:
    return len(data.train), len(data.val), len(data.test)


def _split(names: tuple[str, str, str]) -> dict[str, int]:
    counts = dict(zip(names, (4, 2, 3), strict=True))
    return {f"{folder}/{cls}": n for folder, n in counts.items() for cls in ("cat", "dog")}


@pytest.mark.parametrize(
    "names",
    [
        ("train", "val", "test"),
        ("train", "valid", "test"),
        ("train", "validation", "test"),
        ("train", "dev", "test"),
        ("Train", "Val", "Test"),
        ("TRAINING", "VALIDATION", "TESTING"),
        ("Training", "Valid", "Testing"),
        ("training_set", "validation_set", "test_set"),
        ("train images", "val-images", "Test.Images"),
        ("trainset", "devset", "testset"),
        ("traindata", "val_data", "testing data"),
    ],
)
def test_usual_names_of_splits_are_known_in_any_case(
    tmp_path: Path, names: tuple[str, str, str]
) -> None:
    """Each folder is its split, and the notes say which was which."""
    data = _load(make_set(tmp_path / "set", _split(names)))
    assert _sizes(data) == (8, 4, 6)
    assert data.classes == ("cat", "dog")
    train, val, test = names
    assert f"train from {train}/, val from {val}/, test from {test}/" in data.notes
    assert "train 8, val 4, test 6 images; 2 classes in train: cat 4, dog 4" in data.notes
    assert data.doubts == ()


def test_every_name_of_a_split_is_known_with_any_tail_and_capitals() -> None:
    """The names of all splits, in three kinds of capitals and with what people append."""
    for split, names in SPLIT_NAMES.items():
        for name in names:
            for tail in ("", "_set", " set", "-data", "Images", "_imgs", ".split", "_"):
                for written in (name + tail, (name + tail).upper(), (name + tail).title()):
                    assert split_of(written) == split, written
    for other in ("cat", "trainer", "trains", "contest", "valley", "developer", "tested", "1"):
        assert split_of(other) is None, other


def test_missing_splits_are_said_to_be_cut_from_train(tmp_path: Path) -> None:
    """A set with train and test alone says where its validation images come from."""
    data = _load(make_set(tmp_path / "set", {"train/a": 10, "train/b": 10, "Test/a": 2}))
    assert "train from train/, val cut from train (10%), test from Test/" in data.notes
    data = _load(make_set(tmp_path / "whole", {"a": 10, "b": 10}))
    assert "all from whole/, split three ways" in data.notes


AMBIGUOUS: dict[str, tuple[dict[str, int], str]] = {
    "two for validation": (
        {**_split(("train", "val", "test")), "valid/cat": 1},
        "val/ and valid/: which is the val split?",
    ),
    "two in other capitals": (
        {**_split(("train", "val", "test")), "Train/cat": 1},
        "Train/ and train/: which is the train split?",
    ),
    "no train": ({"test/cat": 2, "test/dog": 2, "cat": 2}, "test/ and no train folder"),
    "splits and classes": (
        {**_split(("train", "val", "test")), "cat": 3},
        "the class cat both beside and in train",
    ),
    "another class in validation": (
        {**_split(("train", "val", "test")), "val/cow": 1},
        "classes that train has not: cow; those of train are cat, dog",
    ),
    "one class": ({"cat": 5}, "one class only, cat, and a classifier needs two"),
    "one folder around": (
        {"archive/cat": 5, "archive/dog": 5},
        "if its folders cat, dog are the classes, move them up",
    ),
    "one folder around the splits": (
        {"images/train/cat": 5, "images/train/dog": 5, "images/val/cat": 2, "labels/x": 0},
        "the splits are in it: dataset.source.root=",
    ),
    "one folder around in each split": (
        {"training_set/training_set/cat": 5, "training_set/training_set/dog": 5},
        "one class only, training_set, and a classifier needs two; if its folders cat, dog",
    ),
    "one class in train": ({"train/cat": 5, "val/cat": 5}, "one class only, cat"),
    "splits inside the classes": (
        {"cat/train": 3, "cat/test": 3, "dog/train": 3, "dog/test": 3},
        "has the folders test, train, which would be joined: put the splits above the classes",
    ),
    "splits without classes": ({"train": 5, "test": 5}, "no images under"),
}


@pytest.mark.parametrize("what", AMBIGUOUS)
def test_what_is_ambiguous_is_refused(tmp_path: Path, what: str) -> None:
    """The error is one line that says what can be read in two ways, and where."""
    counts, words = AMBIGUOUS[what]
    root = make_set(tmp_path / "set", counts)
    with pytest.raises(ValueError, match="set") as raised:
        _load(root)
    assert words in str(raised.value)
    assert "\n" not in str(raised.value)


def test_classes_may_have_names_of_splits(tmp_path: Path) -> None:
    """A train among buses is a class, and it is said that it was taken as one."""
    data = _load(make_set(tmp_path / "set", {"bus": 5, "car": 5, "train": 5}))
    assert data.classes == ("bus", "car", "train")
    assert any("train/ taken as a class" in doubt for doubt in data.doubts)


JUNK = (
    ".ipynb_checkpoints",
    "__MACOSX",
    "@eaDir",
    ".git",
    ".cache",
    "$RECYCLE.BIN",
    "System Volume Information",
    "lost+found",
    "#recycle",
    "__pycache__",
)


@pytest.mark.parametrize("inside", ["", "train", "train/cat"])
@pytest.mark.parametrize("junk", JUNK)
def test_hidden_and_system_folders_are_no_classes(tmp_path: Path, junk: str, inside: str) -> None:
    """What systems and archives leave is neither a class nor an image, and is said to be left."""
    root = make_set(tmp_path / "set", _split(("train", "val", "test")))
    expected = _load(root)
    save_images(root / inside / junk / "cat", 3, first=90)
    found = _load(root)
    assert found.classes == expected.classes
    assert _sizes(found) == _sizes(expected)
    assert any(note.startswith("left out: ") for note in found.notes)


@pytest.mark.parametrize("name", ["._0.png", ".0.png", "Thumbs.db", "desktop.ini", "readme.txt"])
def test_hidden_and_other_files_are_left_out(tmp_path: Path, name: str) -> None:
    """A file that is hidden, the system's or no image does not stop a set, and is counted."""
    root = make_set(tmp_path / "set", _split(("train", "val", "test")))
    (root / "train" / "cat" / name).write_bytes(b"no image")
    data = _load(root)
    assert _sizes(data) == (8, 4, 6)
    assert any(note.startswith("left out: 1 ") for note in data.notes)
    assert data.doubts == ()


DOUBTFUL: dict[str, tuple[str, str]] = {
    "images of other kinds": ("train/cat/a.heic", "1 *.heic"),
    "images outside the classes": ("train/loose.png", "1 images lie in train/ itself"),
    "a folder beside the splits": ("extra/cat/a.png", "extra/ beside the splits"),
}


@pytest.mark.parametrize("what", DOUBTFUL)
def test_images_that_may_have_been_meant_are_doubts(tmp_path: Path, what: str) -> None:
    """Images that are not used are said to be left out, as a doubt."""
    path, words = DOUBTFUL[what]
    root = make_set(tmp_path / "set", _split(("train", "val", "test")))
    (root / path).parent.mkdir(parents=True, exist_ok=True)
    (root / path).write_bytes((root / "train" / "cat" / "0.png").read_bytes())
    (doubt,) = _load(root).doubts
    assert words in doubt


def test_classes_with_the_same_folders_are_a_doubt(tmp_path: Path) -> None:
    """Folds that were taken for classes are asked about."""
    counts = {f"fold{fold}/{cls}": 3 for fold in range(3) for cls in ("cat", "dog")}
    (doubt,) = _load(make_set(tmp_path / "set", counts)).doubts
    assert "every class of set/ has the folders cat, dog" in doubt


def test_classes_that_differ_by_capitals_are_a_doubt(tmp_path: Path) -> None:
    """Classes whose names are one to a reader are asked about."""
    counts = dict.fromkeys(("Cat", "cat ", "dog", "café", "café"), 3)
    doubts = _load(make_set(tmp_path / "set", counts)).doubts
    assert len(doubts) == 2
    assert "'Cat', 'cat ' of set/ are taken as different classes" in doubts[0]


def test_order_of_files_is_that_of_earlier_versions(tmp_path: Path) -> None:
    """Splits are drawn by place, so a nested set keeps the order it had: by parts of the path."""
    rng = np.random.default_rng(0)
    words = ["a", "b-1", "b", "B", "10", "9", "a b", "é", "z.y"]
    for number in range(60):
        depth = int(rng.integers(0, 3))
        folder = tmp_path.joinpath("cat", *(str(word) for word in rng.choice(words, depth)))
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{rng.choice(words)}{number}.PNG").touch()
    before = sorted(
        (
            os.path.join(place, file)  # noqa: PTH118
            for place, _, names in os.walk(tmp_path / "cat")
            for file in names
            if os.path.splitext(file)[1].lower() in EXTENSIONS  # noqa: PTH122
        ),
        key=lambda path: path.split(os.sep),  # noqa: PTH206
    )
    assert scan_folder(tmp_path / "cat").files == before
    assert len(before) == 60
