"""What data sets of images in files have in common: how images are read and splits are cut."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from darkmagic.trainers.fields import check_fields, flag, number, size, whole

__all__ = ["ImageOptions"]


@dataclass(frozen=True, kw_only=True)
class ImageOptions:
    """Fields of every data set whose images are of any size, each by its name.

    `size` is the side in pixels of the square that images are resized and cropped to, or (height,
    width); None takes them as they are, which needs all of one size. `channels` are 1 (grey) or 3.
    `flip` and `pad` (in pixels) say what the plain augmentation may do. `val_fraction` and
    `test_fraction`, above 0 and below 1, are cut from train where a split is not given. Up to
    `memory_budget` bytes are decoded into memory at once; more are read as they are needed.

    Raises `ValueError`, one line, for a value out of its range.
    """

    size: int | Sequence[int] | None = size(None, at_least=1)
    channels: int = whole(3, at_least=1, at_most=3)
    flip: bool = flag(True)
    pad: int = whole(4, at_least=0)
    val_fraction: float = number(0.1, above=0, below=1)
    test_fraction: float = number(0.2, above=0, below=1)
    memory_budget: int = whole(2**31, at_least=0)
    constraints: ClassVar[tuple[str, ...]] = ("channels == 1 or channels == 3",)

    def __post_init__(self) -> None:
        check_fields(self)
