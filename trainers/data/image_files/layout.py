"""Which folder is which split, by the names that people give them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from darkmagic.text import printable
from darkmagic.trainers.data.image_files.scan import has_images, subfolders

__all__ = ["Layout", "find_layout", "split_of"]

SPLIT_NAMES = {
    "train": {"train", "training", "trn"},
    "val": {"val", "valid", "validation", "validate", "dev", "devel", "development"},
    "test": {"test", "testing", "tst"},
}
TAIL = re.compile(r"[\s_.-]*(set|split|data|dataset|imgs?|images?|pictures|photos)?[\s_.-]*$")
"""What may follow: `Test Set`, `train_images`."""


@dataclass(frozen=True)
class Layout:
    """Folders by split (`train`, `val`, `test`), or the whole set's under `all`; with what may
    not be meant so.
    """

    folders: dict[str, Path]
    doubts: list[str] = field(default_factory=list)


def split_of(name: str) -> str | None:
    """Return the split that a folder of this name is, whatever its capitals; None for none.

    >>> split_of("Testing"), split_of("valid"), split_of("Train_Set"), split_of("cat")
    ('test', 'val', 'train', None)
    """
    word = TAIL.sub("", name.lower())
    return next((split for split, names in SPLIT_NAMES.items() if word in names), None)


def find_layout(root: Path) -> Layout:
    """Return which folders of `root` are its splits.

    A class may be named as a split is (a `train` among buses): folders of images alone are
    classes where other such folders stand beside them. Raises `ValueError`, one line, for what
    may be read in two ways.
    """
    names = subfolders(root)
    splits = {name: split for name in names if (split := split_of(name)) is not None}
    others = [name for name in names if name not in splits]
    if not splits:
        return Layout({"all": root})
    if others and not any(subfolders(root / name) for name in splits):
        return Layout({"all": root}, [_named_as_splits(splits)])
    for split in SPLIT_NAMES:
        same = [name for name in names if splits.get(name) == split]
        if len(same) > 1:
            raise ValueError(f"{_folder(root)} has {_listed(same)}: which is the {split} split?")
    if "train" not in splits.values():
        raise ValueError(
            f"{_folder(root)} has {_listed(list(splits))} and no train folder: name the splits "
            "train, val and test, or give the folder of the classes as dataset.source.root"
        )
    folders = {split: root / name for name, split in splits.items()}
    classes = subfolders(folders["train"])
    if both := sorted(set(classes) & set(others)):
        raise ValueError(
            f"{_folder(root)} has the class {printable(both[0])} both beside and in "
            f"{folders['train'].name}: keep the splits or the classes"
        )
    extra = [name for name in others if has_images(root / name)]
    doubts = [f"{_listed(extra)} beside the splits: images that are not used"] if extra else []
    return Layout(folders, doubts)


def _named_as_splits(splits: dict[str, str]) -> str:
    return (
        f"{_listed(list(splits))} taken as a class, as it has images and no folders; "
        "splits have a folder a class"
    )


def _folder(path: Path) -> str:
    return printable(path)


def _listed(names: Sequence[str]) -> str:
    return " and ".join(f"{printable(name)}/" for name in names)
