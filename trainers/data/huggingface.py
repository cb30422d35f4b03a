"""Hugging Face `datasets` on disk, as `save_to_disk` leaves them, or a folder of its files."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkmagic.distribution import install_extra
from darkmagic.text import printable
from darkmagic.trainers.data.assembly.options import ImageOptions
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.image_files.decode import cover
from darkmagic.trainers.data.image_files.layout import split_of
from darkmagic.trainers.data.image_files.pixels import as_shown
from darkmagic.trainers.data.items import Items
from darkmagic.trainers.errors import short_message
from darkmagic.trainers.fields import text
from darkmagic.trainers.runtime.cache import expand

__all__ = ["HuggingFace"]


@dataclass(frozen=True)
class HuggingFace(ImageOptions):
    """The data set that `datasets.Dataset.save_to_disk` or that of a `DatasetDict` left at `path`.

    The columns `image` and `label` are guessed from their features where they are None: an `Image`,
    and a `ClassLabel` or a list of them. Needs the extra `data`. Nothing is downloaded.

    >>> HuggingFace("photos").label is None
    True
    """

    path: str = text()
    image: str | None = text(None)
    label: str | None = text(None)

    def load(self, split_seed: int) -> Data:
        """Return the three splits, which depend on `split_seed`, the fields and the files.

        Raises `ValueError`, one line, for what is not such a data set.
        """
        parts, left_out = self._parts(expand(self.path))
        features = parts["train"].features
        image = self._column(features, self.image, "image", ("Image",))
        label = self._column(features, self.label, "label", ("ClassLabel", "List", "Sequence"))
        for name, part in parts.items():
            if missing := [column for column in (image, label) if column not in part.features]:
                raise ValueError(
                    f"the split {name} has no column {missing[0]!r}, which train has; it has: "
                    f"{', '.join(part.features)}"
                )
        names = _names(features[label])
        shaped = {
            name: HuggingFaceRows(part, image, label, self.size, self.channels, names)
            for name, part in parts.items()
        }
        items = Items(
            **shaped,
            flip=self.flip,
            pad=self.pad,
            val_fraction=self.val_fraction,
            test_fraction=self.test_fraction,
            memory_budget=self.memory_budget,
        )
        data = items.load(split_seed)
        first = f"images: column {image!r}; labels: column {label!r}"
        doubts = [f"left out: the split {printable(name)}" for name in left_out]
        return dataclasses.replace(
            data, notes=(first, *data.notes[1:]), doubts=(*doubts, *data.doubts)
        )

    def _parts(self, path: Path) -> tuple[dict[str, Any], list[str]]:
        """Return the data sets by split, and the names of those that are none of ours."""
        try:
            import datasets  # noqa: PLC0415 (an extra, and slow)
        except ModuleNotFoundError:
            raise ValueError(
                f"a Hugging Face data set needs the package datasets: {install_extra('data')}"
            ) from None
        if not path.is_dir():
            raise ValueError(f"no folder {printable(path)} (dataset.source.path)")
        try:
            found = datasets.load_from_disk(str(path))
        except Exception as error:  # what it raises is not one class
            # An IndexError is datasets' own of a set without rows, which save_to_disk does write.
            why = "no rows" if isinstance(error, IndexError) else short_message(error)
            raise ValueError(
                f"{printable(path)} is no data set that save_to_disk wrote: {why}"
            ) from error
        if not isinstance(found, datasets.DatasetDict):
            return {"train": found}, []
        named = {str(name): split for name in found if (split := split_of(name))}
        parts = {split: found[name] for name, split in named.items()}
        if len(parts) < len(named):
            twice = [n for n, s in named.items() if [*named.values()].count(s) > 1]
            raise ValueError(
                f"{printable(path)} has the splits {' and '.join(twice)}, which are one of train, "
                "val and test: leave one out, or join them by concatenate_datasets"
            )
        if "train" not in parts:
            names = ", ".join(map(str, found))
            raise ValueError(f"{printable(path)} has the splits {names}, and no train")
        return parts, [str(name) for name in found if str(name) not in named]

    def _column(self, features: Any, named: str | None, field: str, kinds: tuple[str, ...]) -> str:
        columns = ", ".join(features)
        if named is not None:
            if named not in features:
                raise ValueError(
                    f"no column {named!r} (dataset.source.{field}); choose from: {columns}"
                )
            return named
        fits = [name for name, feature in features.items() if type(feature).__name__ in kinds]
        plain = [name for name in (field, f"{field}s", "img", "target") if name in features]
        if len(fits) == 1:
            return str(fits[0])
        chosen = next((name for name in plain if not fits or name in fits), None)
        if chosen is None:
            raise ValueError(
                f"which column has the {field} is not plain: set dataset.source.{field}; choose "
                f"from: {columns}"
            )
        return chosen


def _names(feature: Any) -> list[str] | None:
    inner = getattr(feature, "feature", feature)
    return list(getattr(inner, "names", None) or []) or None


class HuggingFaceRows:
    """The items (image, label) of one split."""

    def __init__(
        self,
        part: Any,
        image: str,
        label: str,
        size: int | Sequence[int] | None,
        channels: int,
        names: list[str] | None,
    ) -> None:
        self._part, self._image, self._label = part, image, label
        self._size, self._channels = size, channels
        self._names = names
        if names is not None:
            self.classes = names
        self.targets = [self._named(value) for value in part[label]]

    def __len__(self) -> int:
        return len(self._part)

    def __getitem__(self, index: int) -> tuple[Any, Any]:
        row = self._part[index]
        image, label = row[self._image], row[self._label]
        if label is None:
            raise ValueError("it has no label")
        if hasattr(image, "convert"):
            image = as_shown(image, self._channels)
        if self._size is not None:
            sides = (self._size, self._size) if isinstance(self._size, int) else self._size
            image = cover(image, sides[1], sides[0])
        return image, self._named(label)

    def _named(self, label: Any) -> Any:
        """Return the names of several labels, which would be taken as 0 and 1 of each."""
        if isinstance(label, list) and self._names is not None:
            return [self._names[place] for place in label]
        return label
