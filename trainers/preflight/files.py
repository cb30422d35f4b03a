"""Why a data set could not be read, with every unreadable image and not only the first."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from PIL import Image, UnidentifiedImageError

from darkmagic.trainers.data.base import DataSet
from darkmagic.trainers.data.folder import EXTENSIONS, Folder
from darkmagic.trainers.errors import short_message
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.runtime.cache import expand

__all__ = ["check_files", "unreadable_files"]

MAX_NAMES = 3


def unreadable_files(folder: Path) -> Iterator[Path]:
    """Yield the image files under `folder` that cannot be decoded to their end."""
    for path in sorted(folder.rglob("*")):
        if path.suffix.lower() not in EXTENSIONS:
            continue
        try:
            with Image.open(path) as image:
                image.load()
        except (UnidentifiedImageError, OSError, SyntaxError):  # the last: a broken PNG
            yield path


def check_files(dataset: DataSet, error: Exception) -> Iterator[Finding]:
    """Yield the findings of a data set whose loading ended in `error`."""
    message = short_message(error)
    bad: list[Path] = []
    if isinstance(dataset, Folder):
        root = expand(dataset.root)
        bad = list(unreadable_files(root)) if root.is_dir() else []
        if bad:
            names = ", ".join(os.fspath(path.relative_to(root)) for path in bad[:MAX_NAMES])
            more = f" and {len(bad) - MAX_NAMES} more" if len(bad) > MAX_NAMES else ""
            message = f"{len(bad)} unreadable images under {root}: {names}{more}"
    advice = "mend or remove them" if bad else "no trial could train either"
    figures = {"unreadable": [str(path) for path in bad]}
    yield Finding("data", Level.STOP, message, advice, figures)
