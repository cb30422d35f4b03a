"""Images in folders: train/CLASS/*.jpg, optionally val/ and test/, or CLASS/*.jpg alone."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import ClassVar

import torch
from torch import Tensor

from darkmagic.text import printable
from darkmagic.trainers.data.assembly.assemble import assemble
from darkmagic.trainers.data.assembly.stats import describe_sizes
from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.image_files.decode import VERSION, Decoder, ImageFiles, hold_images
from darkmagic.trainers.data.image_files.index import list_classes
from darkmagic.trainers.data.image_files.kept_stats import kept_channel_stats
from darkmagic.trainers.data.image_files.layout import find_layout, split_of
from darkmagic.trainers.data.image_files.pixels import describe_kinds
from darkmagic.trainers.data.image_files.scan import (
    EXTENSIONS,
    loose_images,
    sample_state,
    subfolders,
)
from darkmagic.trainers.data.splits.split import split_in_three, split_off
from darkmagic.trainers.data.tables.labels import alike
from darkmagic.trainers.fields import check_fields, flag, number, size, text, whole
from darkmagic.trainers.runtime.cache import expand

__all__ = ["Folder"]

MAX_NAMES = 5  # in a message


@dataclass(frozen=True)
class Folder:
    """The images under `root`. A split that has no folder is taken from the others.

    The folders of the splits go by their usual names, such as `train`, `Validation` or `Testing`.
    What was read as what, and what was left out, is in the `notes` and `doubts` of the `Data`.

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
        layout, reading = find_layout(root), _Reading()
        reading.doubts += layout.doubts
        reading.hidden(root)
        whole = layout.folders.get("all")
        if whole is not None:
            images, classes = self._read(whole, None, reading)
            splits = split_in_three(images, self.val_fraction, self.test_fraction, split_seed)
            return self._assemble(*splits, classes, reading, split_seed)
        train, classes = self._read(layout.folders["train"], None, reading)
        parts = {
            name: self._read(layout.folders[name], classes, reading)[0]
            for name in ("test", "val")
            if name in layout.folders
        }
        test, val = parts.get("test"), parts.get("val")
        if test is None:
            train, test = split_off(train, self.test_fraction, split_seed)
        if val is None:
            train, val = split_off(train, self.val_fraction, split_seed + 1)
        taken = {name: layout.folders[name].name for name in layout.folders}
        return self._assemble(train, val, test, classes, reading, split_seed, taken)

    def _assemble(
        self,
        train: Split,
        val: Split,
        test: Split,
        classes: Sequence[str],
        reading: _Reading,
        split_seed: int,
        folders: Mapping[str, str] | None = None,
    ) -> Data:
        """Return the data; `folders` are the splits' own, None where there are none."""
        names = [printable(name) for name in classes]
        keep = None
        if not isinstance(train.images, Tensor):
            how = (VERSION, self.size, self.channels, self.val_fraction, self.test_fraction)
            made_of = f"{how} {split_seed} {reading.digests}"
            keep = partial(
                kept_channel_stats, made_of=made_of, channels=self.channels, cache=self.cache
            )
        stats = None if keep is None else keep(train)
        data = assemble(train, val, test, names, flip=self.flip, pad=self.pad, stats=stats)
        sources = (
            f"all from {printable(Path(self.root).expanduser().absolute().name)}/, split three ways"
        )
        if folders is not None:
            cut = {"val": self.val_fraction, "test": self.test_fraction}
            sources = ", ".join(
                f"{split} from {printable(folders[split])}/"
                if split in folders
                else f"{split} cut from train ({cut[split]:.0%})"
                for split in ("train", "val", "test")
            )
        sizes = describe_sizes(data)
        return dataclasses.replace(
            data,
            notes=(sources, sizes, *reading.notes()),
            doubts=tuple(reading.all_doubts()),
            keep_stats=keep,
        )

    def _read(
        self, folder: Path, known: Sequence[str] | None, reading: _Reading
    ) -> tuple[Split, list[str]]:
        """Return the images of `folder` and its classes, which must be among `known`."""
        classes = subfolders(folder)
        if known is not None and (unknown := sorted(set(classes) - set(known))):
            raise ValueError(
                f"{printable(folder)} has classes that train has not: {_listed(unknown)}; "
                f"those of train are {_listed(known)}"
            )
        order = list(known or classes)
        files, targets = reading.scan(folder, order, self.cache)
        if not files:
            raise ValueError(
                f"no images under {printable(folder)}; expected CLASS/*.jpg or another of "
                f"{', '.join(sorted(EXTENSIONS))}"
            )
        if len(set(targets)) < 2 and known is None:
            raise ValueError(_one_class(folder, order[targets[0]]))
        decoder = Decoder.for_files(files, self.size, self.channels)
        return Split(
            self._hold(folder, files, decoder, reading.digests[-1]), torch.tensor(targets)
        ), order

    def _hold(
        self, folder: Path, files: list[str], decoder: Decoder, digest: str
    ) -> Tensor | ImageFiles:
        return hold_images(folder, files, decoder, self.cache, self.memory_budget, digest)


@dataclass
class _Reading:
    """What was found beside the images of all splits, and of what kind these are."""

    kinds: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    doubtful: Counter[str] = field(default_factory=Counter)
    doubts: list[str] = field(default_factory=list)
    digests: list[str] = field(default_factory=list)  # of listings and files

    def hidden(self, folder: Path) -> None:
        """Count the hidden folders in `folder`, which are no classes."""
        for name in subfolders(folder, hidden=True):
            self.left_out[f"{printable(name)}/"] += 1

    def scan(
        self, folder: Path, classes: Sequence[str], cache: str | None
    ) -> tuple[list[str], list[int]]:
        """Return the image files below `folder` and the places of their classes, in order, of
        which a listing is kept under `cache`.
        """
        files: list[str] = []
        targets: list[int] = []
        inner: list[frozenset[str]] = []
        places = {name: index for index, name in enumerate(classes)}
        present = [name for name in classes if (folder / name).is_dir()]  # others are train's only
        listing = list_classes(folder, present, cache)
        for name, scan in listing.scans.items():
            index = places[name]
            files += scan.files
            targets += [index] * len(scan.files)
            self.left_out += scan.left_out
            self.doubtful += scan.doubtful
            inner.append(frozenset(scan.folders))
        self.digests.append(f"{listing.digest} {sample_state(files)}")
        self.hidden(folder)
        if loose := loose_images(folder):
            self.doubts.append(
                f"{loose:,} images lie in {printable(folder.name)}/ itself, in no "
                "class's folder, and are not used"
            )
        self._compare_names(folder, classes)
        if len(inner) > 1 and len(inner[0]) > 1 and len(set(inner)) == 1:
            if splits := [name for name in sorted(inner[0]) if split_of(name)]:
                raise ValueError(
                    f"every class of {printable(folder)} has the folders {_listed(splits)}, which "
                    "would be joined: put the splits above the classes, train/CLASS and val/CLASS"
                )
            self.doubts.append(
                f"every class of {printable(folder.name)}/ has the folders "
                f"{_listed(sorted(inner[0]))}: if these are the classes, name what they are in "
                "train, val and test"
            )
        self.kinds.append(describe_kinds(files))
        return files, targets

    def _compare_names(self, folder: Path, classes: Sequence[str]) -> None:
        """Doubt classes whose names differ by capitals, blanks, encoding or zeros alone."""
        for same in alike(classes):
            self.doubts.append(
                f"{_listed([repr(name) for name in same])} of {printable(folder.name)}/ are "
                "taken as different classes"
            )

    def notes(self) -> list[str]:
        """Return what the images are, and what was left out that is none."""
        kinds = "; ".join(dict.fromkeys(part for kind in self.kinds for part in kind.split("; ")))
        notes = [f"pixels: {kinds}"] if kinds else []
        return notes + ([f"left out: {_counted(self.left_out)}"] if self.left_out else [])

    def all_doubts(self) -> list[str]:
        """Return what was left out and may have been meant."""
        doubtful = [f"left out: {_counted(self.doubtful)}"] if self.doubtful else []
        return self.doubts + doubtful


def _one_class(folder: Path, name: str) -> str:
    inner = subfolders(folder / name)
    also = f"; if its folders {_listed(inner)} are the classes, move them up" if inner else ""
    if any(map(split_of, inner)):
        also = f"; the splits are in it: dataset.source.root={printable(folder / name)}"
    return (
        f"{printable(folder)} has images of one class only, {printable(name)}, and a classifier "
        f"needs two{also}"
    )


def _counted(kinds: Counter[str]) -> str:
    return ", ".join(
        f"{count:,} {kind}" if count > 1 or not kind.endswith("/") else kind
        for kind, count in kinds.most_common()
    )


def _listed(names: Sequence[str], most: int = MAX_NAMES) -> str:
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(printable(name) for name in names[:most]) + more
