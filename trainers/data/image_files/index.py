"""What class folders hold, kept beside the state of each folder, so that a million files are
listed once and not in every trial.

A folder's time and number change with each file that is added, removed, renamed or replaced by
another, and one look at each folder tells: a thousand looks where there are a million files. A
file that is written over in place changes itself alone and no name in the index: its pixels are
read from it all the same.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from filelock import FileLock

from darkmagic.trainers.data.image_files.scan import FolderState, Scan, folder_state, scan_folder
from darkmagic.trainers.outputs.durable import replace_file
from darkmagic.trainers.runtime.cache import cache_folder

__all__ = ["SETTLED_SECONDS", "Listing", "list_classes"]

VERSION = 1
SETTLED_SECONDS = 2.0
"""A folder that changed later than so long ago may change again and keep its time, which a file
system counts in steps of up to two seconds: it is listed anew until it has settled."""
BETWEEN = "\0"  # files: no name has it

Entry = dict[str, Any]


@dataclass(frozen=True)
class Listing:
    """The `scans` of classes by name; `digest` differs where any name or folder does."""

    scans: dict[str, Scan]
    digest: str


def list_classes(
    folder: Path, classes: Sequence[str], cache: str | None, settled: float = SETTLED_SECONDS
) -> Listing:
    """Return what is below each of `classes` in `folder`, of which those that changed are read.

    The index is kept under `cache`. One that is damaged is made anew; of processes that ask at the
    same time one reads the folders; and one that cannot be written costs time and no more.
    """
    top = os.path.abspath(folder)  # noqa: PTH100 (its links stay: a listing is of names)
    name = hashlib.sha256(os.fsencode(top)).hexdigest()[:32]
    path = cache_folder(cache) / "index" / f"{name}.json"
    known, digest = _load(path)
    if not _changed(folder, classes, known):
        return _listing(folder, classes, known, digest if [*known] == [*classes] else "")
    with _locked(path) as writable:
        known, _ = _load(path)  # which another process may have made meanwhile
        began = time.time()
        if changed := _changed(folder, classes, known):
            known = _read_again(folder, classes, changed, known)
            if writable:
                _save(path, known, before=began - settled)
    return _listing(folder, classes, known)


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[bool]:
    """Have one process at a time make the index at `path`; give whether it can be written."""
    lock = FileLock(path.with_suffix(".lock"))
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock.acquire()
    except OSError as error:
        _note_not_kept(error)
        yield False
        return
    try:
        yield True
    finally:
        lock.release()


def _note_not_kept(error: OSError) -> None:
    logging.getLogger(__name__).warning("the index of images is not kept: %s", error)


def _changed(folder: Path, classes: Sequence[str], known: dict[str, Entry]) -> list[str]:
    """Return the `classes` whose folders are not in the state in which they were listed."""
    within = os.path.join(folder, "")  # noqa: PTH118 (strings: there may be many)
    return [name for name in classes if not _is_as_listed(within + name, known.get(name))]


def _is_as_listed(top: str, entry: Entry | None) -> bool:
    if entry is None:
        return False
    try:
        return all([*folder_state(top + inner)] == state for inner, *state in entry["states"])
    except OSError:  # a folder that is gone, or closed: reading it says which
        return False


def _read_again(
    folder: Path, classes: Sequence[str], changed: Sequence[str], known: dict[str, Entry]
) -> dict[str, Entry]:
    """Return the entries of `classes`, of which the `changed` are read and the others `known`."""
    again = set(changed)
    return {
        name: _entry(folder / name, scan_folder(folder / name)) if name in again else known[name]
        for name in classes
    }


def _entry(folder: Path, scan: Scan) -> Entry:
    start = len(os.fspath(folder))
    return {
        "states": [[path[start:], *state] for path, state in scan.states.items()],
        "files": BETWEEN.join(path[start:] for path in scan.files),
        "left_out": dict(scan.left_out),
        "doubtful": dict(scan.doubtful),
        "folders": sorted(scan.folders),
    }


def _listing(
    folder: Path, classes: Sequence[str], entries: dict[str, Entry], digest: str = ""
) -> Listing:
    """Return the listing of `classes`; `digest` is known of what was kept of these alone."""
    listed = {name: entries[name] for name in classes}
    within = os.path.join(folder, "")  # noqa: PTH118
    scans = {name: _scan(within + name, entry) for name, entry in listed.items()}
    return Listing(scans, digest or hashlib.sha256(_text(listed)).hexdigest())


def _scan(top: str, entry: Entry) -> Scan:
    inner = entry["files"].split(BETWEEN) if entry["files"] else []
    return Scan(
        [top + file for file in inner],
        Counter(entry["left_out"]),
        Counter(entry["doubtful"]),
        set(entry["folders"]),
        {top + path: FolderState(*state) for path, *state in entry["states"]},
    )


def _text(entries: dict[str, Entry]) -> bytes:
    return json.dumps(entries, separators=(",", ":")).encode()  # a name need not be UTF-8


def _save(path: Path, entries: dict[str, Entry], *, before: float) -> None:
    """Keep the entries of folders that last changed `before` then (seconds since 1970)."""
    settled = {
        name: entry
        for name, entry in entries.items()
        if all(max(mtime, ctime) < before * 1e9 for _, _, mtime, ctime in entry["states"])
    }
    text = _text(settled)
    head = f"{VERSION} {hashlib.sha256(text).hexdigest()}\n".encode()
    try:
        replace_file(path, lambda file: file.write(head + text))
    except OSError as error:  # no room
        _note_not_kept(error)


def _load(path: Path) -> tuple[dict[str, Entry], str]:
    """Return the entries that were kept, and the digest of their text.

    There are none where there is no file, or a damaged one.
    """
    try:
        head, _, text = path.read_bytes().partition(b"\n")
    except OSError:
        return {}, ""
    digest = hashlib.sha256(text).hexdigest()
    if head != f"{VERSION} {digest}".encode():
        return {}, ""
    return json.loads(text), digest
