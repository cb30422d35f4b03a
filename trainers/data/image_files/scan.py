"""The image files below a folder, and what there is beside them.

Works on strings and directory entries: a `Path` of each of a million files takes half a minute,
in every trial.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from darkmagic.text import printable

__all__ = [
    "EXTENSIONS",
    "FolderState",
    "Scan",
    "folder_state",
    "has_images",
    "loose_images",
    "sample_state",
    "scan_folder",
    "subfolders",
]

EXTENSIONS = {".jpg", ".jpeg", ".png", ".bmp", ".webp", ".ppm", ".tif", ".tiff"}
OTHER_IMAGES = {
    *(".avif", ".dcm", ".dng", ".gif", ".heic", ".heif", ".jfif", ".jp2", ".jpe", ".jxl"),
    *(".mat", ".npy", ".npz", ".pgm", ".svg", ".tga"),
}
"""Of files that are left out and may be images all the same."""
SYSTEM_NAMES = {
    *("$recycle.bin", "#recycle", "__macosx", "__pycache__", "@eadir", "@tmp", "desktop.ini"),
    *("lost+found", "system volume information", "thumbs.db", "ehthumbs.db"),
}
"""What operating systems, archives and file servers leave in folders, in lower case."""
SAMPLED = 500
"""Files whose sizes and times tell whether a set was written over in place: few enough to be looked
at in every trial."""
NO_FILE = "that is a FIFO, a socket or a device"


class FolderState(NamedTuple):
    """What changes with each name that a folder gets or loses: times are nanoseconds since 1970.

    `ctime` is the system's own: what unpacks or copies sets `mtime` back.
    """

    inode: int
    mtime: int
    ctime: int


NOTHING = FolderState(0, 0, 0)


def folder_state(folder: str) -> FolderState:
    """Return the state of `folder`, or of what it links to."""
    return _state_of(os.stat(folder))  # noqa: PTH116


def _state_of(status: os.stat_result) -> FolderState:
    return FolderState(status.st_ino, status.st_mtime_ns, status.st_ctime_ns)


def sample_state(files: Sequence[str]) -> str:
    """Return a digest of the sizes and times of some hundred of `files`, evenly spread.

    A set that is converted or copied over in place changes them, and no folder.
    """
    digest = hashlib.sha256()
    for path in files[:: max(1, len(files) // SAMPLED)]:
        try:
            status = os.stat(path)  # noqa: PTH116
            digest.update(f"{status.st_size} {status.st_mtime_ns}\n".encode())
        except OSError:  # a broken link is named when it is read
            digest.update(b"gone\n")
    return digest.hexdigest()


@dataclass
class Scan:
    """The image `files` of a class, sorted. `left_out` counts other things by their kind, and
    `doubtful` those of them that may have been meant; `folders` are the class's own, and `states`
    those of every folder that was looked at, before its names were read. A link to nothing has
    `NOTHING`: a folder may be there later, as when a disk is mounted, and no other state changes.
    """

    files: list[str] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)
    doubtful: Counter[str] = field(default_factory=Counter)
    folders: set[str] = field(default_factory=set)
    states: dict[str, FolderState] = field(default_factory=dict)

    def leave_out(self, name: str) -> None:
        """Count the file `name`, which has no image's extension."""
        extension = os.path.splitext(name)[1].lower()  # noqa: PTH122
        kinds = self.doubtful if extension in OTHER_IMAGES else self.left_out
        kinds[f"*{printable(extension)}" if extension else "without extension"] += 1


def is_hidden(name: str) -> bool:
    """Whether a file or folder is hidden (`._1.jpg`, `.ipynb_checkpoints`) or the system's."""
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def subfolders(folder: Path, *, hidden: bool = False) -> list[str]:
    """Return the names of the folders in `folder`, or of the hidden ones, sorted, with links."""
    with os.scandir(folder) as entries:
        return sorted(e.name for e in entries if is_hidden(e.name) == hidden and e.is_dir())


def scan_folder(folder: Path) -> Scan:
    """Return what is below `folder`, links followed; every folder is read once, so loops end.

    Raises `OSError` for a folder that cannot be read: its images would be missing unsaid.
    """
    scan = Scan()
    for entry in _entries(os.fspath(folder), scan):
        name = entry.name
        if not _is_image(name):
            scan.leave_out(name)
        elif entry.is_file() or entry.is_symlink():  # a broken link is named when it is read
            scan.files.append(entry.path)
        else:
            scan.doubtful[NO_FILE] += 1
    scan.files.sort(key=lambda path: path.split(os.sep))  # noqa: PTH206
    return scan


def has_images(folder: Path) -> bool:
    """Whether there is an image anywhere below `folder`."""
    return any(_is_image(entry.name) for entry in _entries(os.fspath(folder), Scan()))


def _is_image(name: str) -> bool:
    return os.path.splitext(name)[1].lower() in EXTENSIONS  # noqa: PTH122


def _entries(top: str, scan: Scan) -> Iterator[os.DirEntry[str]]:
    """Yield what is no folder below `top`. Links are followed last, so that paths of what is
    reached both ways are those without links.
    """
    folders, links = [top], list[str]()
    seen: set[tuple[int, int]] = set()
    while folders or links:
        folder = folders.pop() if folders else links.pop()
        status = os.stat(folder)  # noqa: PTH116
        scan.states[folder] = _state_of(status)
        if (status.st_dev, status.st_ino) in seen:
            continue
        seen.add((status.st_dev, status.st_ino))
        with os.scandir(folder) as entries:
            for entry in entries:
                if is_hidden(entry.name):
                    scan.left_out["hidden or of the system"] += 1
                elif not entry.is_dir():
                    if not _is_image(entry.name) and _is_broken(entry):
                        scan.states[entry.path] = NOTHING
                        scan.doubtful["links to nothing"] += 1
                    else:
                        yield entry
                else:
                    (links if entry.is_symlink() else folders).append(entry.path)
                    if folder == top:
                        scan.folders.add(entry.name)
        links.sort(reverse=True)


def _is_broken(entry: os.DirEntry[str]) -> bool:
    return entry.is_symlink() and not os.path.exists(entry.path)  # noqa: PTH110


def loose_images(folder: Path) -> int:
    """Return how many images are in `folder` itself, outside its folders."""
    with os.scandir(folder) as entries:
        return sum(_is_image(e.name) and not is_hidden(e.name) and e.is_file() for e in entries)
