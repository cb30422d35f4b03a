"""A script's output: kept up to a size, cut into lines, its last line shown."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Self

__all__ = ["OutputLog", "printable_line"]

HEAD_BYTES, TAIL_BYTES = 8 << 20, 1 << 20
"""That are kept of the beginning and of the end of an output: what is between is left out."""
LINE_BYTES = 1 << 16
"""Of a line that is read; what is longer is cut."""
SHOWN = 200


class OutputLog:
    r"""Appends output to a file, whose size is bounded, and returns its whole lines.

    `last` is the last line that was not empty. Carriage returns end a line too, as those of a
    progress bar do.

    >>> with OutputLog(Path("log.txt")) as log:
    ...     print(list(log.add(b"one\ntw")), list(log.add(b"o\r\xff\n")), log.last)
    [b'one'] [b'two', b'\xff'] �
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("ab", buffering=0)
        self._written = 0
        self._tail = bytearray()
        self._rest = b""
        self.bytes = 0
        self._last = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def last(self) -> str:
        """The last line with text in it."""
        return printable_line(self._rest if self._rest.strip() else self._last)

    @property
    def left_out(self) -> int:
        """How many bytes are in no file."""
        return max(0, self.bytes - self._written - TAIL_BYTES)

    def add(self, data: bytes) -> Iterator[bytes]:
        """Keep `data`; yield the lines that it completes."""
        self.bytes += len(data)
        room = max(0, HEAD_BYTES - self._written)
        if room:
            self._file.write(data[:room])
            self._written += len(data[:room])
        if len(data) > room:
            self._tail += data[room:]
            if len(self._tail) > 2 * TAIL_BYTES:  # not at every call, as it copies
                del self._tail[:-TAIL_BYTES]
        yield from self._lines(data)

    def _lines(self, data: bytes) -> Iterator[bytes]:
        *lines, rest = (self._rest + data).replace(b"\r", b"\n").split(b"\n")
        self._rest = rest[:LINE_BYTES]
        for line in reversed(lines):
            if line.strip():
                self._last = line[:LINE_BYTES]
                break
        yield from (line[:LINE_BYTES] for line in lines if line)

    def rest(self) -> bytes:
        """Return the last line, if no end of a line followed it."""
        rest, self._rest = self._rest, b""
        if rest.strip():
            self._last = rest
        return rest

    def close(self) -> None:
        """Write what was kept of the end."""
        if self._file.closed:
            return
        if self.left_out:
            self._file.write(b"\n[... %d bytes of output are left out ...]\n" % self.left_out)
        self._file.write(self._tail[-TAIL_BYTES:])
        self._file.close()


def printable_line(line: bytes) -> str:
    """Return a line as text, of a length that can be shown; what is no UTF-8 is marked.

    >>> printable_line(b"  loss 0.3 ")
    'loss 0.3'
    """
    text = " ".join(line.decode(errors="replace").split())
    return text if len(text) <= SHOWN else text[: SHOWN - 4] + " ..."
