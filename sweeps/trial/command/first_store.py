"""The first script to use an MLflow store of the user's makes it alone, while others wait.

MLflow makes the tables of an SQLite file in dozens of steps, and two scripts that do so at once
both fail. We do not make them ourselves: the script's own MLflow may be of another version.
"""

from __future__ import annotations

import contextlib
import sqlite3
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from filelock import FileLock, Timeout

from darkmagic.sweeps.trial.command.sqlite_store import SQLITE, is_complete
from darkmagic.trainers.outputs.event_log import EventLog

__all__ = ["made_by_one"]

LOOK_SECONDS = 0.5


@contextlib.contextmanager
def made_by_one(uri: str | None, log: EventLog) -> Iterator[None]:
    """Run the block alone until the SQLite store `uri` has its tables, or else to its end.

    Others of the same machine or file system wait meanwhile, and say so in their `log`. Any
    other store, or one that is there, is not waited for.
    """
    path = Path(uri.removeprefix(SQLITE)) if uri and uri.startswith(SQLITE) else None
    if path is None or not path.parent.is_dir() or _is_made(path):
        yield
        return
    lock = FileLock(f"{path}.lock", thread_local=False)
    try:
        _wait(lock, path, log)
    except OSError as error:  # its folder takes no files, so that MLflow will say so too
        _note(log, f"cannot keep trials from making {path} at the same time: {error}")
        yield
        return
    ended = threading.Event()
    watch = threading.Thread(target=_release_when_made, args=(lock, path, ended), daemon=True)
    watch.start()
    try:
        yield
    finally:
        ended.set()
        watch.join()


def _wait(lock: FileLock, path: Path, log: EventLog) -> None:
    said = False
    while True:
        try:
            lock.acquire(timeout=LOOK_SECONDS)
        except Timeout:
            if not said:
                _note(log, f"waits until the first trial has made the MLflow store {path}")
            said = True
            log.beat()  # it waits and does not hang
        else:
            return


def _note(log: EventLog, message: str) -> None:
    log.append({"type": "note", "message": message, "time": time.time()})


def _release_when_made(lock: FileLock, path: Path, ended: threading.Event) -> None:
    while not _is_made(path) and not ended.wait(LOOK_SECONDS):
        pass
    lock.release()


def _is_made(path: Path) -> bool:
    """Whether there is nothing to wait for: it has its tables, or is what MLflow refuses."""
    try:
        return is_complete(path)
    except sqlite3.OperationalError:  # it is being written
        return False
    except (OSError, sqlite3.DatabaseError):
        return True
