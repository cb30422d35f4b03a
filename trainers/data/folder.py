"""Images in folders: train/CLASS/*.jpg, optionally val/ and test/, or CLASS/*.jpg alone."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import torch
from torch import Tensor

from darkmagic.text import printable
from darkmagic.trainers.data.assembly.assemble import assemble
from darkmagic.trainers.data.assembly.options import ImageOptions
from darkmagic.trainers.data.assembly.reading import Reading, listed
from darkmagic.trainers.data.assembly.stats import describe_sizes
from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.image_files.decode import VERSION, Decoder, ImageFiles, hold_images
from darkmagic.trainers.data.image_files.kept_stats import kept_channel_stats
from darkmagic.trainers.data.image_files.layout import find_layout, split_of
from darkmagic.trainers.data.image_files.scan import EXTENSIONS, subfolders
from darkmagic.trainers.data.splits.split import split_in_three, split_off
from darkmagic.trainers.fields import text
from darkmagic.trainers.runtime.cache import expand

__all__ = ["Folder"]


@dataclass(frozen=True)
class Folder(ImageOptions):
    """The images under `root`. A split that has no folder is taken from the others.

    The folders of the splits go by their usual names, such as `train`, `Validation` or `Testing`.
    What was read as what, and what was left out, is in the `notes` and `doubts` of the `Data`.
    Decoded images, listings and means are kept under `cache`.

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
    cache: str | None = text(None)

    def load(self, split_seed: int) -> Data:
        """Return the three splits, which depend on `split_seed`, the fields and the files.

        Raises `ValueError`, one line, where `root` is no folder.
        """
        root = expand(self.root)
        if not root.is_dir():
            raise ValueError(f"no folder {root} (dataset.source.root)")
        layout, reading = find_layout(root), Reading()
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
        reading: Reading,
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
        self, folder: Path, known: Sequence[str] | None, reading: Reading
    ) -> tuple[Split, list[str]]:
        """Return the images of `folder` and its classes, which must be among `known`."""
        classes = subfolders(folder)
        if known is not None and (unknown := sorted(set(classes) - set(known))):
            raise ValueError(
                f"{printable(folder)} has classes that train has not: {listed(unknown)}; "
                f"those of train are {listed(known)}"
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


def _one_class(folder: Path, name: str) -> str:
    inner = subfolders(folder / name)
    also = f"; if its folders {listed(inner)} are the classes, move them up" if inner else ""
    if any(map(split_of, inner)):
        also = f"; the splits are in it: dataset.source.root={printable(folder / name)}"
    return (
        f"{printable(folder)} has images of one class only, {printable(name)}, and a classifier "
        f"needs two{also}"
    )
