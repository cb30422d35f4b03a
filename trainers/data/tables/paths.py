"""From the names of images in a table to their files."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from darkmagic.text import printable
from darkmagic.trainers.data.image_files.scan import scan_folder

__all__ = ["find_files"]

MAX_NAMES = 3


def find_files(
    names: Sequence[str], numbers: Sequence[int], root: Path, *, leave_out: bool
) -> list[str | None]:
    """Return the file of each of `names`, absolute or relative to `root`; None of one without.

    A name that is no path from `root` is looked for in all its folders, with or without its
    extension, and counts where one image only is called so. Raises `ValueError` naming some that
    are not there, and their rows, unless they are to be left out; and always where none is there.
    """
    files = [_file(name, root) for name in names]
    if None in files:
        index = _index(root)
        files = [
            file or (index.get(_plain(name)) if name else None)
            for file, name in zip(files, names, strict=True)
        ]
    lost = [index for index, file in enumerate(files) if file is None]
    if lost and (not leave_out or len(lost) == len(files)):
        shown = [f"{names[i] or 'no name'!s:.80} (row {numbers[i]})" for i in lost[:MAX_NAMES]]
        more = f" and {len(lost) - MAX_NAMES:,} more" if len(lost) > MAX_NAMES else ""
        hint = "set dataset.source.root to the folder that the names are from"
        if len(lost) < len(files):
            hint += ", or dataset.source.missing=leave_out"
        raise ValueError(
            f"{len(lost):,} of {len(files):,} images are not in {printable(root)}: "
            f"{printable(', '.join(shown))}{more}; {hint}"
        )
    return files


def _file(name: str, root: Path) -> str | None:
    if not name:
        return None
    for written in (name, name.replace("\\", "/")):
        path = os.path.join(root, os.path.expanduser(written))  # noqa: PTH111, PTH118 (a million)
        if os.path.isfile(path):  # noqa: PTH113
            return os.path.normpath(path)
    return None


def _plain(name: str) -> str:
    return name.replace("\\", "/").rpartition("/")[2]


def _index(root: Path) -> dict[str, str | None]:
    """Return the images below `root` by name and by name without extension; None of two alike."""
    index: dict[str, str | None] = {}
    for path in scan_folder(root).files if root.is_dir() else ():
        name = _plain(path)
        for key in {name, os.path.splitext(name)[0]}:  # noqa: PTH122
            index[key] = None if key in index else path
    return index
