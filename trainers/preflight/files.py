"""How the files of a data set were read, or why not, with every unreadable image of it."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from darkmagic.text import printable
from darkmagic.trainers.data.base import Data, DataSet
from darkmagic.trainers.data.folder import Folder
from darkmagic.trainers.data.image_files.pixels import read_image
from darkmagic.trainers.data.image_files.scan import scan_folder
from darkmagic.trainers.errors import short_message
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.runtime.cache import expand

__all__ = ["check_files", "check_reading", "unreadable_files"]

MAX_NAMES = 3


def check_reading(data: Data) -> Finding | None:
    """Say which folder became which split and what was left out; None where none was read."""
    if not data.notes and not data.doubts:
        return None
    seen = "; ".join([*data.doubts, *data.notes])
    figures = {"notes": list(data.notes), "doubts": list(data.doubts)}
    if data.doubts:
        advice = "if it is meant so, nothing is to be done"
        return Finding("files", Level.WARNING, seen, advice, figures, tell=True)
    return Finding("files", Level.OK, seen, figures=figures, tell=True)


def unreadable_files(folder: Path, channels: int = 3) -> Iterator[Path]:
    """Yield the images under `folder`, those that training reads, that cannot be decoded."""

    def is_unreadable(path: str) -> bool:
        try:
            read_image(path, channels)
        except ValueError:
            return True
        return False

    files = scan_folder(folder).files
    with ThreadPoolExecutor() as pool:
        yield from map(Path, itertools.compress(files, pool.map(is_unreadable, files)))


def check_files(dataset: DataSet, error: Exception) -> Iterator[Finding]:
    """Yield the findings of a data set whose loading ended in `error`."""
    message = short_message(error)
    bad: list[Path] = []
    if isinstance(dataset, Folder) and message.startswith("cannot read"):
        root = expand(dataset.root)
        bad = list(unreadable_files(root, dataset.channels))
        if len(bad) > 1:
            names = ", ".join(printable(path.relative_to(root)) for path in bad[:MAX_NAMES])
            more = f" and {len(bad) - MAX_NAMES} more" if len(bad) > MAX_NAMES else ""
            count = f"{len(bad):,} unreadable images under {printable(root)}"
            message = f"{count}: {names}{more}; {message}"
    advice = "mend or remove them" if bad else "no trial could train either"
    figures = {"unreadable": [printable(path) for path in bad]}
    yield Finding("data", Level.STOP, printable(message), advice, figures)
