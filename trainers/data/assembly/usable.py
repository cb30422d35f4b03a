"""What every data set must have before anything is trained on it."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from darkmagic.trainers.data.assembly.stats import class_counts
from darkmagic.trainers.data.base import Data, Split

__all__ = ["refuse_unusable", "why_malformed", "why_unusable"]


def why_malformed(data: Any) -> str:
    """Return in which way `data` is not what `Data` and `Split` say; empty where it is.

    Some of it would train all the same, on other pixels or other classes than were meant. Of
    images that are read when asked for, the first of each split is looked at.

    >>> from darkmagic.trainers.data import Shapes
    >>> data = Shapes(count=40).load(split_seed=0)
    >>> why_malformed(data)
    ''
    >>> pixels = Split(data.train.images / 255, data.train.targets)
    >>> why_malformed(Data(pixels, *(data.val, data.test, data.classes, 1, (8, 8), (0.5,), (0.2,))))
    'images of train are float32, not uint8 from 0 to 255; those from 0 to 1 are 255 times too dark'
    """
    if not isinstance(data, Data):
        return f"load() returned {type(data).__name__}, not darkmagic.trainers.data.Data"
    for name in ("train", "val", "test"):
        split = getattr(data, name)
        if not isinstance(split, Split):
            return f"{name} is {type(split).__name__}, not darkmagic.trainers.data.Split"
        problem = _of_targets(split.targets, len(data.classes)) or _of_number(split)
        problem = problem or (_of_images(split.images[0], data) if len(split) else "")
        if problem:
            return problem.format(split=name)
    filled = [split for split in (data.train, data.val, data.test) if len(split)]
    if len({split.targets.ndim for split in filled}) > 1:
        return "one split has a class an image, and another several labels"
    return _of_scaling(data)


def _of_scaling(data: Data) -> str:
    """Return what is wrong with the mean and the standard deviation a channel."""
    if len({len(data.mean), len(data.std), data.channels}) > 1:
        sizes = f"{len(data.mean)} and {len(data.std)} values"
        return f"mean and std have {sizes}, and the images {data.channels} channels"
    if not all(0 <= value <= 1 for value in data.mean):
        return f"mean={data.mean}: give each of images whose pixels go from 0 to 1"
    if not all(0 < value <= 1 for value in data.std):
        return f"std={data.std}: give each of images whose pixels go from 0 to 1, over 0"
    return ""


def _of_targets(targets: Any, classes: int) -> str:
    """Return what is wrong with the classes of `{split}`."""
    if not isinstance(targets, Tensor):
        return f"targets of {{split}} are {type(targets).__name__}, not an int64 tensor"
    if targets.ndim == 2 and targets.dtype == torch.uint8:  # several labels an image
        if targets.shape[1] != classes or (len(targets) and int(targets.max()) > 1):
            most = f" up to {int(targets.max())}" if targets.numel() else ""
            found = f"{tuple(targets.shape)}{most}"
            return f"targets of {{split}} are {found}, not 0 and 1 of {classes} labels"
        return ""
    if targets.ndim != 1 or targets.dtype != torch.int64:
        shape = tuple(targets.shape)
        return f"targets of {{split}} are {_name(targets)} of shape {shape}, not int64 (N,)"
    if len(targets) and not 0 <= int(targets.min()) <= int(targets.max()) < classes:
        seen = f"{int(targets.min())} to {int(targets.max())}"
        return (
            f"targets of {{split}} are {seen}, and the {classes} classes go from 0 to {classes - 1}"
        )
    return ""


def _of_number(split: Split) -> str:
    """Return whether the images of `{split}` are not as many as its classes."""
    images: Any = split.images
    if not isinstance(images, Tensor | torch.utils.data.Dataset):
        return f"images of {{split}} are {type(images).__name__}, not a tensor or a torch Dataset"
    count = len(images) if hasattr(images, "__len__") else len(split)
    return (
        "" if count == len(split) else f"{{split}} has {count:,} images and {len(split):,} targets"
    )


def _of_images(first: Any, data: Data) -> str:
    """Return what is wrong with the `first` image of `{split}`."""
    if not isinstance(first, Tensor):
        return f"an image of {{split}} is {type(first).__name__}, not a uint8 tensor (C, H, W)"
    if first.dtype != torch.uint8:
        why = "; those from 0 to 1 are 255 times too dark" if first.is_floating_point() else ""
        return f"images of {{split}} are {_name(first)}, not uint8 from 0 to 255{why}"
    if first.shape != (data.channels, *data.size):
        expected = (data.channels, *data.size)
        return f"images of {{split}} are {tuple(first.shape)}, and the data say {expected}"
    return ""


def _name(tensor: Tensor) -> str:
    return str(tensor.dtype).removeprefix("torch.")


def why_unusable(data: Data) -> str:
    """Return why no classifier can be trained and validated on `data`; empty where one can.

    >>> from darkmagic.trainers.data import Shapes
    >>> why_unusable(Shapes(count=40).load(split_seed=0)), why_unusable(Shapes(10).load(0))
    ('', 'no image is left for val: of a class with fewer than 3 images there is none to hold out')
    """
    sizes = {"train": len(data.train), "val": len(data.val)}
    empty = [name for name, size in sizes.items() if not size]
    if empty:
        return (
            f"no image is left for {' and '.join(empty)}: of a class with fewer than 3 images "
            "there is none to hold out"
        )
    if data.multilabel:
        counts = class_counts(data.train.targets, len(data.classes))
        if bool(((counts > 0) & (counts < len(data.train))).any()):
            return ""
        return "no label tells the images of train apart: each is of all of them, or of none"
    present = len(torch.unique(data.train.targets))
    if present < 2:
        only = f" ({data.classes[int(data.train.targets[0])]})"
        return f"all images of train are of one class{only}, and a classifier needs two"
    return ""


def refuse_unusable(data: Data, *, test: bool = False) -> None:
    """Raise `ValueError`, one line, where `data` cannot be trained on, or with `test` tested."""
    if reason := why_malformed(data) or why_unusable(data):
        raise ValueError(reason)
    if test and not len(data.test):
        raise ValueError("no image is left for test: give it a folder or more images")
