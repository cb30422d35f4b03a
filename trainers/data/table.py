"""Images whose labels are in a table: CSV, Parquet, JSON or JSON lines."""

from __future__ import annotations

import dataclasses
import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from darkmagic.text import printable
from darkmagic.trainers.data.assembly.labelled import Labelled, split_labelled
from darkmagic.trainers.data.assembly.options import ImageOptions
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.image_files.decode import Decoder, fingerprint, hold_images
from darkmagic.trainers.data.image_files.kept_stats import kept_channel_stats
from darkmagic.trainers.data.image_files.layout import split_of
from darkmagic.trainers.data.image_files.pixels import describe_kinds
from darkmagic.trainers.data.tables.columns import Columns, find_columns
from darkmagic.trainers.data.tables.labels import Labels, read_labels
from darkmagic.trainers.data.tables.paths import find_files
from darkmagic.trainers.data.tables.read import DELIMITERS, Rows, read_rows
from darkmagic.trainers.fields import choice, flag, text
from darkmagic.trainers.runtime.cache import expand

__all__ = ["Table"]


@dataclass(frozen=True)
class Table(ImageOptions):
    r"""The images that `file` names, with their labels there: one each, or several.

    `root` is the folder that their names are from, the file's own where it is None. The columns
    `image`, `label` and `split` are guessed where they are None, and what was taken is in the
    `notes` of the `Data`; `label` may name several columns of 0 and 1, with commas. Images with one
    value in the column `group`, such as those of a patient, stay together where splits are drawn,
    and in cross-validation. `delimiter`
    divides the columns of a CSV, and `separator` the labels in a cell. With `multilabel` an image
    may have several labels, which may be in rows of their own. What is not split by a column is as
    in `Folder`, and so is what is done with the pixels.

    >>> from PIL import Image
    >>> for index in range(20):
    ...     Image.new("RGB", (16, 16), (index, 0, 0)).save(f"{index}.png")
    >>> rows = [f"{index}.png,{'cat' if index % 2 else 'dog'}" for index in range(20)]
    >>> _ = Path("labels.csv").write_text("file,animal\n" + "\n".join(rows))
    >>> data = Table("labels.csv", size=8, cache="cache").load(split_seed=0)
    >>> data.classes, len(data.train), data.notes[0]
    (('cat', 'dog'), 14, "images: column 'file'; labels: column 'animal'")
    """

    file: str = text()
    root: str | None = text(None)
    image: str | None = text(None, numeric=True)
    label: str | None = text(None, numeric=True)
    split: str | None = text(None, numeric=True)
    group: str | None = text(None, numeric=True)
    delimiter: str | None = choice(None, DELIMITERS)
    separator: str | None = text(None)
    multilabel: bool | None = flag(None)
    missing: str = choice("refuse", ("refuse", "leave_out"))
    cache: str | None = text(None)

    def load(self, split_seed: int) -> Data:
        """Return the three splits, which depend on `split_seed`, the fields and the files.

        Raises `ValueError`, one line, for a table that cannot be used.
        """
        path = expand(self.file)
        root = expand(self.root) if self.root else path.parent
        rows = read_rows(path, self.delimiter)
        columns = find_columns(rows, self.image, self.label, self.split, self.group)
        labels = read_labels(rows, columns, self.separator, several=self.multilabel)
        found = self._images(rows, columns, labels, root)
        decoder = Decoder.for_files(found.names, self.size, self.channels)
        key = fingerprint(root, found.names, decoder)
        images = hold_images(root, found.names, decoder, self.cache, self.memory_budget, key=key)
        how = (self.val_fraction, self.test_fraction, split_seed, labels.how)
        own = zip(found.splits, found.of_image, strict=True)  # which decide what train is
        decide = repr([*own, *found.groups]).encode()
        made_of = f"{key} {how} {hashlib.sha256(decide).hexdigest()}"
        data = split_labelled(
            images,
            found,
            val_fraction=self.val_fraction,
            test_fraction=self.test_fraction,
            split_seed=split_seed,
            flip=self.flip,
            pad=self.pad,
            keep_stats=partial(
                kept_channel_stats, made_of=made_of, channels=self.channels, cache=self.cache
            ),
        )
        first = f"images: column {columns.image!r}; {labels.how}"
        if columns.split:
            first += f"; splits: column {columns.split!r}"
        if columns.group:
            first += f"; groups: column {columns.group!r}, {len(set(found.groups)):,} of them"
        kinds = [f"pixels: {each}" for each in [describe_kinds(found.names)] if each]
        return dataclasses.replace(data, notes=(first, *data.notes, *kinds))

    def _images(self, rows: Rows, columns: Columns, labels: Labels, root: Path) -> Labelled:
        """Return each image once, with its labels and split, and what was left out."""
        names = [cell if isinstance(cell, str) else "" for cell in rows.column(columns.image)]
        files = find_files(names, rows.numbers, root, leave_out=self.missing == "leave_out")
        found = Labelled(several=labels.several)
        found.doubts += [each for each in (*columns.doubts, labels.doubt) if each]
        found.leave_out("empty rows", rows.empty)
        found.leave_out("rows whose image is not there", files.count(None))
        splits = [str(cell) for cell in rows.column(columns.split)] if columns.split else []
        groups = [str(cell) for cell in rows.column(columns.group)] if columns.group else []
        for index, (file, own) in enumerate(zip(files, labels.of_row, strict=True)):
            if file is None:
                continue
            split = split_of(splits[index]) if splits else None
            if splits and split is None:
                found.leave_out(f"rows of the split {printable(splits[index])!r}", 1, doubt=True)
            elif not own and not labels.several:
                found.leave_out("rows without a label", 1, doubt=True)
            elif groups and not groups[index]:
                raise ValueError(
                    f"row {rows.numbers[index]} has nothing in column {columns.group!r} "
                    "(dataset.source.group): say what the image is of"
                )
            else:
                group = groups[index] if groups else ""
                found.add(file, own, split, rows.numbers[index], group)
        found.refuse_contradictions()
        found.doubt_alike()
        return found
