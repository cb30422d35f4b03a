"""State of a store's file: what no change of it leaves as it was."""

from __future__ import annotations

import contextlib
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

__all__ = ["State", "store_file", "store_state"]

State = list[int | str]

PREFIX = "sqlite:///"
HEADER_BYTES = 100
MAGIC = b"SQLite format 3\0"
WRITE_VERSION, READ_VERSION, CHANGE_COUNTER = 18, 19, slice(24, 28)
"""Where SQLite's header has them (its file format, section 1.3)."""
ROLLBACK_JOURNAL = 1
SIDE_FILES = ("-journal", "-wal")


def store_file(uri: str) -> Path | None:
    """Return the file of an SQLite store; None of another store, or one that is not plain.

    >>> store_file("sqlite:////home/me/runs/mlflow.db").as_posix()
    '/home/me/runs/mlflow.db'
    >>> store_file("http://localhost:5000"), store_file("sqlite:///a.db?mode=ro")
    (None, None)
    """
    name = uri.removeprefix(PREFIX)
    if not uri.startswith(PREFIX) or not name or "?" in name or name == ":memory:":
        return None
    return Path(name).absolute()


def store_state(path: Path) -> State | None:
    """Return what changes with every change of the database at `path`; None where nothing tells.

    SQLite counts its transactions in the header of the file, unless it writes ahead to another
    file (WAL). A copy of the database, or an older one put in its place, has a time, a size or a
    number of its own. A journal beside it means that a transaction is under way, or was cut short
    and will be undone. The version of MLflow is part of it: another one may refuse the database.
    """
    try:
        with path.open("rb") as file:
            header = file.read(HEADER_BYTES)
        found = path.stat()
        for end in SIDE_FILES:
            with contextlib.suppress(FileNotFoundError):
                if Path(f"{path}{end}").stat().st_size:
                    return None
        reads_as = version("mlflow")
    except (OSError, PackageNotFoundError):
        return None
    if len(header) < HEADER_BYTES or not header.startswith(MAGIC):
        return None
    if {header[WRITE_VERSION], header[READ_VERSION]} != {ROLLBACK_JOURNAL}:
        return None
    counter = int.from_bytes(header[CHANGE_COUNTER], "big")
    return [counter, found.st_size, found.st_mtime_ns, found.st_ino, reads_as]
