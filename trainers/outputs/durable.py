"""Files that outlive a power cut and a full disk, and the setting aside of those that did not."""

from __future__ import annotations

import contextlib
import errno
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from darkmagic.trainers.outputs.names import EVENTS

__all__ = [
    "NO_ROOM",
    "DamagedFileError",
    "replace_file",
    "set_aside",
    "wait_for_room",
    "write_file",
]

NO_ROOM = (errno.ENOSPC, errno.EDQUOT)
ROOM_PAUSE_SECONDS = 1.0


class DamagedFileError(Exception):
    """A file that is there and cannot be used: cut, empty, of another form, or edited."""

    def __init__(self, path: Path, what: str) -> None:
        super().__init__(f"{path.name} {what}")
        self.path = path


def write_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Have `write` fill a file that then replaces `path`, at once and as a whole.

    As `replace_file` does it, but a full disk is waited for.
    """
    wait_for_room(lambda: replace_file(path, write), path)


def replace_file(path: Path, write: Callable[[BinaryIO], object]) -> None:
    """Have `write` fill a file that then replaces `path`, at once and as a whole.

    It is on the disk before it has its name, so that also after a power cut there is either the
    file before or this one.
    """
    temporary = path.with_name(path.name + ".part")
    try:
        with temporary.open("wb") as file:
            write(file)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)  # a torn one takes room
        raise


def wait_for_room(write: Callable[[], None], path: Path) -> None:
    """Call `write`, again and again while the disk of `path` is full.

    A trial of days is not lost for want of a few bytes: it waits until someone makes room.
    """
    said = False
    while True:
        try:
            return write()
        except (OSError, RuntimeError) as error:  # torch has a RuntimeError of its own for it
            if not _is_no_room(error):
                raise
        if not said:
            said = True
            with contextlib.suppress(OSError):  # the log may be on the same disk
                sys.stderr.write(f"no room on the disk of {path}: waiting for it\n")
                sys.stderr.flush()
        with contextlib.suppress(OSError):
            os.utime(path.with_name(EVENTS))  # who watches sees that it waits and does not hang
        time.sleep(ROOM_PAUSE_SECONDS)


def _is_no_room(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in NO_ROOM
    cause = error.__cause__ or error.__context__
    return isinstance(cause, OSError) and _is_no_room(cause)


def set_aside(path: Path) -> Path:
    """Rename `path`, a file or a folder, so that it is out of the way and not lost.

    >>> _ = Path("result.json").write_text("{")
    >>> set_aside(Path("result.json")).name
    'result.json.damaged'
    """
    for number in range(1, 1000):
        aside = path.with_name(f"{path.name}.damaged{'' if number == 1 else f'-{number}'}")
        if not os.path.lexists(aside):
            break
    return path.rename(aside)
