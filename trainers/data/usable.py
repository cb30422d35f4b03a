"""What every data set must have before anything is trained on it."""

from __future__ import annotations

import torch

from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.stats import class_counts

__all__ = ["refuse_unusable", "why_unusable"]


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
    if reason := why_unusable(data):
        raise ValueError(reason)
    if test and not len(data.test):
        raise ValueError("no image is left for test: give it a folder or more images")
