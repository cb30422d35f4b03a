"""Any torch `Dataset` of (image, label), or three of them by split."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from darkmagic.trainers.data.assembly.labelled import Labelled, split_labelled
from darkmagic.trainers.data.base import Data, DataSet
from darkmagic.trainers.data.image_files.array_images import size_text, to_pixels
from darkmagic.trainers.errors import short_message
from darkmagic.trainers.fields import check_fields, flag, number, whole

__all__ = ["Items", "as_data_set"]

RANDOM = (
    "train[0] differs each time it is read: leave random transforms to the tricks, which the "
    "trials compare"
)
SPLITS = ("train", "val", "test")
EXPECTED = "expected a torch Dataset, with len() and items (image, label), or a class with load()"


def as_data_set(source: Any) -> DataSet:
    """Return `source` if it has a `load` of ours, or else the data set of its (image, label) items.

    Raises `ValueError`, one line, for what is neither.
    """
    if callable(getattr(source, "load", None)):
        found: DataSet = source
        return found
    return Items(source)


@dataclass(frozen=True)
class Items:
    """The items (image, label) of `train`, and of `val` and `test` where there are any.

    An image is a PIL image, or a tensor or array of bytes or of numbers in [0, 1], (C, H, W), (H,
    W, C) or (H, W), as it is before it is augmented and normalised, all of one size. A label is a
    class (a number or text), or a list or vector of 0 and 1 of several. What has no `val` or `test`
    is cut from train. An attribute `classes` of `train` names the classes.

    >>> images = [torch.full((1, 8, 8), index, dtype=torch.uint8) for index in range(20)]
    >>> data = Items([(image, index % 2) for index, image in enumerate(images)]).load(split_seed=0)
    >>> data.classes, len(data.train), data.size
    (('0', '1'), 14, (8, 8))
    """

    train: Any
    val: Any = None
    test: Any = None
    flip: bool = flag(True)
    pad: int = whole(4, at_least=0)
    val_fraction: float = number(0.1, above=0, below=1)
    test_fraction: float = number(0.2, above=0, below=1)
    memory_budget: int = whole(2**31, at_least=0)

    def __post_init__(self) -> None:
        check_fields(self)
        for name in SPLITS:
            part = getattr(self, name)
            if part is None and name != "train":
                continue
            if not (hasattr(part, "__getitem__") and hasattr(part, "__len__")):
                raise ValueError(f"dataset.source: {type(part).__name__} has no items; {EXPECTED}")

    def load(self, split_seed: int) -> Data:
        """Return the three splits, which depend on `split_seed`, the fields and the items alone.

        Every item is read once for its label, unless the set has them all as `targets` or `labels`
        and the images do not fit in `memory_budget` bytes. Raises `ValueError`, one line, for items
        that are not as described.
        """
        parts = {name: getattr(self, name) for name in SPLITS if getattr(self, name) is not None}
        reader = _Reader(self.train)
        for name, part in parts.items():
            if not len(part):
                raise ValueError(f"{name} ({type(part).__name__}) has no items")
        reader.item(self.train, 0, "train")
        keep = reader.bytes_per_image * sum(map(len, parts.values())) <= self.memory_budget
        found, kept = None, []
        for name, part in parts.items():
            known = None if keep else _known_labels(part)
            for index in range(len(part)):
                if known is None:
                    image, label = reader.item(part, index, name)
                else:
                    label = known[index]
                labels, several = reader.labels(label, name, index)
                found = found or Labelled(several=several)
                if found.several is not several:
                    raise ValueError(f"{name}[{index}] has {label!r:.60}: some labels are lists")
                found.add(f"{name}[{index}]", labels, None if len(parts) == 1 else name, index)
                if keep:
                    kept.append(image)
        assert found is not None
        images = torch.stack(kept) if keep else _Lazy(list(parts.items()), reader)
        found.doubts += reader.doubts(self.train)
        data = split_labelled(
            images,
            found,
            val_fraction=self.val_fraction,
            test_fraction=self.test_fraction,
            split_seed=split_seed,
            flip=self.flip,
            pad=self.pad,
            classes=reader.names(found),
        )
        source = f"{type(self.train).__name__} of {reader.kind}"
        return dataclasses.replace(data, notes=(source, *data.notes))


class _Reader:
    """Reads items as (pixels, label), all of one size, and knows what they were."""

    def __init__(self, train: Any) -> None:
        self._classes = getattr(train, "classes", None)
        self.shape: tuple[int, ...] | None = None
        self.kind = ""
        self._flags: int | None = None  # how many labels each item says yes or no of

    def item(self, part: Any, index: int, name: str) -> tuple[Tensor, Any]:
        where = f"{name}[{index}]"
        try:
            item = part[index]
        except Exception as error:  # a user's data set may raise anything
            raise ValueError(f"{where} of {type(part).__name__}: {short_message(error)}") from error
        if isinstance(item, Mapping):
            item = _from_mapping(item, where)
        if not isinstance(item, Sequence) or isinstance(item, str) or len(item) < 2:
            raise ValueError(
                f"{where} is {type(item).__name__}, and not (image, label); {EXPECTED}"
            )
        image, self.kind = to_pixels(item[0], where)
        if self.shape is None:
            self.shape = tuple(image.shape)
        if tuple(image.shape) != self.shape:
            raise ValueError(
                f"{where} is {size_text(image.shape)}, the first image {size_text(self.shape)}: "
                "have the data set resize all to one size"
            )
        return image, item[1]

    @property
    def bytes_per_image(self) -> int:
        """Of uint8, of the size of the first that was read."""
        return int(np.prod(self.shape or (0,)))

    def labels(self, label: Any, name: str, index: int) -> tuple[tuple[str, ...], bool]:
        """Return the labels as text, and whether there may be several."""
        if isinstance(label, Tensor | np.ndarray):
            label = label.tolist()
        if isinstance(label, str | bool | int | np.integer):
            return (str(int(label) if isinstance(label, bool) else label),), False
        if isinstance(label, float) and label.is_integer():
            return (str(int(label)),), False
        if isinstance(label, list | tuple) and label and all(x in (0, 1) for x in label):
            self._flags = self._flags or len(label)
            if len(label) != self._flags:
                raise ValueError(
                    f"the label of {name}[{index}] has {len(label)} numbers of 0 and 1, earlier "
                    f"ones {self._flags}: expected one for each label"
                )
            return tuple(str(place) for place, has in enumerate(label) if has), True
        if isinstance(label, list | tuple | set) and all(isinstance(x, str) for x in label):
            return tuple(dict.fromkeys(label)), True
        raise ValueError(
            f"the label of {name}[{index}] is {label!r:.60}: expected a class, or 0 and 1 of each "
            "label"
        )

    def names(self, found: Labelled) -> list[str] | None:
        """Return the classes in order where `train.classes` names them; labels become names."""
        names = self._classes
        if not isinstance(names, Sequence) or isinstance(names, str):
            return None
        known = [str(name) for name in names]
        if found.labels <= set(known):
            return known
        places = {str(place): name for place, name in enumerate(known)}
        if found.labels <= places.keys() and len(set(known)) == len(known):
            found.of_image = [tuple(places[label] for label in each) for each in found.of_image]
            return known
        return None

    def doubts(self, train: Any) -> list[str]:
        """Return that items change from one reading to the next, if they do."""
        again = [self.item(train, 0, "train")[0] for _ in range(2)]
        if torch.equal(*again):
            return []
        return [RANDOM]


class _Lazy(Dataset[Tensor]):
    """The images of several data sets, each read when it is asked for."""

    def __init__(self, parts: Sequence[tuple[str, Any]], reader: _Reader) -> None:
        self._parts = parts
        self._reader = reader

    def __len__(self) -> int:
        return sum(len(part) for _, part in self._parts)

    def __getitem__(self, index: int) -> Tensor:
        for name, part in self._parts:
            if index < len(part):
                return self._reader.item(part, index, name)[0]
            index -= len(part)
        raise IndexError(index)


def _known_labels(part: Any) -> Sequence[Any] | None:
    """Return the labels of all items, where the set has them and the first items agree."""
    for name in ("targets", "labels"):
        known = getattr(part, name, None)
        if isinstance(known, Tensor | np.ndarray):
            known = known.tolist()
        if not isinstance(known, Sequence) or isinstance(known, str) or len(known) != len(part):
            continue
        items = (part[index] for index in range(min(3, len(part))))
        own = [item[1] for item in items if isinstance(item, Sequence) and len(item) > 1]
        plain = [x.tolist() if isinstance(x, Tensor | np.ndarray) else x for x in own]
        if plain and plain == list(known[: len(plain)]):
            return known
    return None


def _from_mapping(item: Mapping[str, Any], where: str) -> tuple[Any, Any]:
    image = next((item[key] for key in ("image", "img", "pixel_values") if key in item), None)
    label = next((item[key] for key in ("label", "labels", "target") if key in item), None)
    if image is None or label is None:
        keys = ", ".join(map(str, item))
        raise ValueError(f"{where} has {keys}: expected image and label")
    return image, label
