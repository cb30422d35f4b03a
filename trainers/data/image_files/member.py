"""Images that lie one behind the other in a larger file, such as a tar archive."""

from __future__ import annotations

import hashlib
import io
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

__all__ = ["ImageFile", "Member", "Members"]


@dataclass(frozen=True)
class Member:
    """The `size` bytes at `offset` of the file `archive`, which calls them `name`."""

    archive: str
    name: str
    offset: int
    size: int

    def __str__(self) -> str:
        return f"{self.name} in {self.archive}"

    def read(self) -> bytes:
        """Return all bytes. Raises `OSError` where there are fewer."""
        with open(self.archive, "rb", buffering=0) as file:  # noqa: PTH123 (strings)
            file.seek(self.offset)
            content = file.read(self.size)
        if len(content) != self.size:
            raise OSError(f"{len(content)} of {self.size} bytes are there")
        return content

    def open(self) -> io.BufferedReader:
        """Return a file of these bytes alone, of which what is asked for is read."""
        return io.BufferedReader(_Section(self))


class _Section(io.RawIOBase):
    """The bytes of a member as a file of their own."""

    def __init__(self, member: Member) -> None:
        self._file = open(member.archive, "rb", buffering=0)  # noqa: PTH123, SIM115 (see close)
        self._start, self._size = member.offset, member.size
        self._at = 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, base + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._file.seek(self._start + self._at)
        wanted = max(0, min(len(buffer), self._size - self._at))
        count = self._file.readinto(memoryview(buffer)[:wanted]) or 0
        self._at += count
        return count

    def close(self) -> None:
        self._file.close()
        super().close()


ImageFile = str | Member
"""An image: a file's path, or a part of a file."""


@dataclass(frozen=True, eq=False)
class Members(Sequence[Member]):
    """The images of several archives, in a few arrays: a million take some tens of megabytes.

    `archives` has the path of each archive, and `archive_of`, `offsets` and `sizes` (N,) where each
    image is. `digest` differs where any image may.
    """

    archives: list[str]
    names: list[str]
    archive_of: np.ndarray
    offsets: np.ndarray
    sizes: np.ndarray
    digest: str

    @classmethod
    def joined(cls, parts: Sequence[Members]) -> Members:
        """Return the images of all `parts`, one after the other."""
        before = np.cumsum([0, *(len(part.archives) for part in parts)])
        return cls(
            [archive for part in parts for archive in part.archives],
            [name for part in parts for name in part.names],
            np.concatenate(
                [part.archive_of + start for part, start in zip(parts, before, strict=False)]
            ),
            np.concatenate([part.offsets for part in parts]),
            np.concatenate([part.sizes for part in parts]),
            hashlib.sha256(" ".join(part.digest for part in parts).encode()).hexdigest(),
        )

    def __len__(self) -> int:
        return len(self.offsets)

    def __getitem__(self, index: int) -> Member:  # type: ignore[override]  # no slices
        archive = self.archives[int(self.archive_of[index])]
        return Member(archive, self.names[index], int(self.offsets[index]), int(self.sizes[index]))
