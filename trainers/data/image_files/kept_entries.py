"""What was read of folders and files, kept beside the state of each, so that it is read once.

Names and how to read one enter; what each holds leaves, of which only those that changed are read.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import os
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from darkmagic.trainers.data.image_files.scan import NOTHING, folder_state
from darkmagic.trainers.outputs.durable import replace_file
from darkmagic.trainers.runtime.cache import cache_folder

__all__ = ["SETTLED_SECONDS", "Entry", "digest_of", "kept_entries"]

VERSION = 1
SETTLED_SECONDS = 2.0
"""A folder that changed later than so long ago may change again and keep its time, which a file
system counts in steps of up to two seconds: it is read anew until it has settled."""

Entry = dict[str, Any]
"""What one name holds, as JSON; `states` are [path after the name, inode, mtime, ctime] of all
that was looked at."""


def kept_entries(
    key: str,
    within: str,
    names: Sequence[str],
    read: Callable[[str], Entry],
    cache: str | None,
    settled: float = SETTLED_SECONDS,
) -> tuple[dict[str, Entry], str]:
    """Return the entries of `names`, of which those that are not as they were are `read`.

    A name is of a folder or file whose path is `within` and the name. They are kept under `cache`
    by `key`. An index that is damaged is made anew; of processes that ask at the same time one
    reads; and one that cannot be written costs time and no more. Also returns the digest of all
    entries where it is known: of what was kept of these names alone.
    """
    name = hashlib.sha256(os.fsencode(key)).hexdigest()[:32]
    path = cache_folder(cache) / "index" / f"{name}.json"
    known, digest = _load(path)
    if not _changed(within, names, known):
        listed = [*known] == [*names]
        return {name: known[name] for name in names}, digest if listed else ""
    with _locked(path) as writable:
        known, _ = _load(path)  # which another process may have made meanwhile
        began = time.time()
        if changed := _changed(within, names, known):
            again = set(changed)
            known = {name: read(name) if name in again else known[name] for name in names}
            if writable:
                _save(path, known, before=began - settled)
    return {name: known[name] for name in names}, ""


def digest_of(entries: dict[str, Entry]) -> str:
    """Return what differs where any entry does."""
    return hashlib.sha256(_text(entries)).hexdigest()


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


def _changed(within: str, names: Sequence[str], known: dict[str, Entry]) -> list[str]:
    """Return the `names` that are not in the state in which they were read."""
    return [name for name in names if not _is_as_listed(within + name, known.get(name))]


def _is_as_listed(top: str, entry: Entry | None) -> bool:
    if entry is None:
        return False
    try:
        return all(_state(top + inner) == state for inner, *state in entry["states"])
    except OSError:  # a folder that is gone, or closed: reading it says which
        return False


def _state(path: str) -> list[int]:
    """Return the state of a folder or file, or that of a link to nothing."""
    try:
        return [*folder_state(path)]
    except FileNotFoundError:
        if not os.path.lexists(path):  # what is gone is no link to nothing
            raise
        return [*NOTHING]


def _text(entries: dict[str, Entry]) -> bytes:
    return json.dumps(entries, separators=(",", ":")).encode()  # a name need not be UTF-8


def _save(path: Path, entries: dict[str, Entry], *, before: float) -> None:
    """Keep the entries of what last changed `before` then (seconds since 1970)."""
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
