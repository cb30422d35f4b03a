"""A watch on the disk that trials write to: those that find no room wait, and the user hears."""

from __future__ import annotations

import contextlib
import errno
import os
import shutil
import tempfile
import time
from collections.abc import Iterable
from pathlib import Path

from darkmagic.trainers.outputs.names import CHECKPOINT

__all__ = ["RoomWatch"]

CHECK_SECONDS = 5.0
PROBE_BYTES = 64 * 2**10
"""What is written to try; as much as the largest checkpoint must be free as well."""
REASONS = {
    errno.ENOSPC: "there is no room on the disk",
    errno.EDQUOT: "the disk quota is used up",
    errno.EROFS: "the disk can only be read",
}


class RoomWatch:
    """Tries every few seconds whether the folders can be written to."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = list(folders)
        self._problem: dict[Path, str] = {}
        self._due_at = time.monotonic()

    def add(self, folder: Path) -> None:
        """Watch `folder` too."""
        if folder not in self._folders:
            self._folders.append(folder)

    def check(self) -> list[str]:
        """Return a message for each folder whose disk has become full, or has room again."""
        if time.monotonic() < self._due_at:
            return []
        self._due_at = time.monotonic() + CHECK_SECONDS
        messages = []
        for folder in self._folders:
            before, now = self._problem.get(folder, ""), _problem(folder)
            self._problem[folder] = now
            if now and not before:
                messages.append(f"{now} of {folder}: trials wait, and go on when there is room")
            elif before and not now:
                messages.append(f"there is room again in {folder}: trials go on")
        return messages


def _problem(folder: Path) -> str:
    """Return why nothing can be written to `folder`; empty if something can."""
    try:
        sizes = [path.stat().st_size for path in folder.glob(f"*/{CHECKPOINT}")]
        if sizes and shutil.disk_usage(folder).free < max(sizes):
            return REASONS[errno.ENOSPC]
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(PROBE_BYTES))
            file.flush()
            with contextlib.suppress(OSError):
                os.fdatasync(file.fileno())
    except OSError as error:
        return REASONS.get(error.errno or 0, "")
    return ""
