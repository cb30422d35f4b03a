"""What class folders hold, kept beside the state of each folder, so that a million files are
listed once and not in every trial.

A folder's time and number change with each file that is added, removed, renamed or replaced by
another, and one look at each folder tells: a thousand looks where there are a million files. A
file that is written over in place changes itself alone and no name in the index: its pixels are
read from it all the same, and what is kept of the pixels of all knows a few hundred files' times.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from darkmagic.trainers.data.image_files.kept_entries import (
    SETTLED_SECONDS,
    Entry,
    digest_of,
    kept_entries,
)
from darkmagic.trainers.data.image_files.scan import FolderState, Scan, scan_folder

__all__ = ["Listing", "list_classes"]

BETWEEN = "\0"  # files: no name has it


@dataclass(frozen=True)
class Listing:
    """The `scans` of classes by name; `digest` differs where any name or folder does."""

    scans: dict[str, Scan]
    digest: str


def list_classes(
    folder: Path, classes: Sequence[str], cache: str | None, settled: float = SETTLED_SECONDS
) -> Listing:
    """Return what is below each of `classes` in `folder`, of which those that changed are read.

    The index is kept under `cache`, as `kept_entries` says.
    """
    top = os.path.abspath(folder)  # noqa: PTH100 (its links stay: a listing is of names)
    within = os.path.join(folder, "")  # noqa: PTH118 (strings: there may be many)

    def read(name: str) -> Entry:
        return _entry(folder / name, scan_folder(folder / name))

    entries, digest = kept_entries(top, within, classes, read, cache, settled)
    scans = {name: _scan(within + name, entries[name]) for name in classes}
    return Listing(scans, digest or digest_of(entries))


def _entry(folder: Path, scan: Scan) -> Entry:
    start = len(os.fspath(folder))
    return {
        "states": [[path[start:], *state] for path, state in scan.states.items()],
        "files": BETWEEN.join(path[start:] for path in scan.files),
        "left_out": dict(scan.left_out),
        "doubtful": dict(scan.doubtful),
        "folders": sorted(scan.folders),
    }


def _scan(top: str, entry: Entry) -> Scan:
    inner = entry["files"].split(BETWEEN) if entry["files"] else []
    return Scan(
        [top + file for file in inner],
        Counter(entry["left_out"]),
        Counter(entry["doubtful"]),
        set(entry["folders"]),
        {top + path: FolderState(*state) for path, *state in entry["states"]},
    )
