"""A data set that was found: which option reads it, with which fields, and what is in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from darkmagic.trainers.data.image_files.member import Member

__all__ = ["SMALL", "FoundData", "described"]

SAMPLE = 60  # images whose headers are read
SIDES = (32, 64, 96, 128, 160, 224)
SMALL = 48
"""Pixels a side, up to which images are trained on as they are by a small network."""
MAX_IMBALANCE = 10


@dataclass(frozen=True)
class FoundData:
    """A data set: the option of `dataset` that reads it, with `fields`, and what was seen there.

    `several` says that images have several labels; `why` is there where it cannot be used.
    """

    option: str
    path: Path
    fields: dict[str, Any]
    images: int
    labels: tuple[str, ...]
    several: bool = False
    uneven: bool = False
    side: int | None = None
    notes: tuple[str, ...] = ()
    why: str = ""
    counts: dict[str, int] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """What it is, in a phrase."""
        names = {
            "folder": "a folder of images",
            "table": "a table of labels",
            "webdataset": "tar shards",
        }
        return names.get(self.option, "a Hugging Face data set")


def described(
    option: str,
    path: Path,
    fields: dict[str, Any],
    files: Sequence[str | Member],
    counts: dict[str, int],
    notes: list[str],
    *,
    several: bool = False,
    whole: bool = True,
) -> FoundData:
    """Return a data set with what the headers of some of its images say of all.

    `files` are its images, and `counts` those of each label; not all of them if not `whole`.
    """
    sizes, grey = _headers(files[:: max(1, len(files) // SAMPLE)])
    side = min(min(size) for size in sizes) if sizes else None
    own = {}
    if len(set(sizes)) > 1 or (side or 0) > max(SIDES):
        target = max([each for each in SIDES if each <= (side or 0)], default=SIDES[0])
        own["size"] = target
        low, high = min(sizes), max(sizes)
        notes.append(
            f"sizes from {low[0]} x {low[1]} to {high[0]} x {high[1]}: all are brought to "
            f"{target} x {target}"
        )
        side = target
    elif sizes:
        notes.append(f"all of {sizes[0][0]} x {sizes[0][1]} pixels")
    if grey:
        own["channels"] = 1
        notes.append("grey")
    present = [count for count in counts.values() if count]
    return FoundData(
        option=option,
        path=path,
        fields={**fields, **own},
        images=len(files) if whole else 0,
        labels=tuple(sorted(counts)),
        several=several,
        uneven=bool(present) and max(present) > MAX_IMBALANCE * min(present),
        side=side,
        notes=tuple(notes),
        counts=dict(counts) if whole else {},
    )


def _headers(files: Sequence[str | Member]) -> tuple[list[tuple[int, int]], bool]:
    """Return width and height of each image that can be read, and whether all are grey."""
    from PIL import Image

    sizes, modes = [], set()
    for path in files:
        try:
            with Image.open(path if isinstance(path, str) else path.open()) as image:
                sizes.append(image.size)
                modes.add(image.mode)
        except Exception:  # noqa: BLE001, S112 (a check before training names it)
            continue
    return sizes, bool(modes) and modes <= {"L", "1", "LA", "I;16"}
