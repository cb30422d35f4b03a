"""A script's output: kept up to a size, cut into lines, its last line shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple, Self

__all__ = [
    "ANSI",
    "Crash",
    "OutputLog",
    "crash_at_end",
    "error_at_end",
    "hydra_error",
    "printable_line",
]

HEAD_BYTES, TAIL_BYTES = 8 << 20, 1 << 20
"""That are kept of the beginning and of the end of an output: what is between is left out."""
LINE_BYTES = 1 << 16
"""Of a line that is read; what is longer is cut."""
SHOWN = 200
ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
"""What moves the cursor and colours a line, as progress bars do."""
ERROR = re.compile(
    rb"^Traceback \(most recent call last\):\r?\n(?:[ \t].*\n)+(\S.*)$((?:\n.*)*)", re.MULTILINE
)
"""What Python prints of an exception that nothing caught, its last line, and what follows."""
CRASH = re.compile(
    rb"^Fatal Python error: .*\n"
    rb"((?:(?:[ \t<].*|.*\(most recent call first\):|Extension modules: .*|Python runtime .*)?"
    rb"\n)*)\Z",
    re.MULTILINE,
)
"""What Python's faulthandler prints, at the end of an output, of a signal that ends the process."""
FRAME = re.compile(rb'^  File "(.*)", line (\d+) in (.*)$', re.MULTILINE)
HYDRA = "Set the environment variable HYDRA_FULL_ERROR=1"
"""How the last line of a Hydra application's error begins; what is wrong stands above it."""
GRAMMAR = "override_grammar"
"""In what Hydra says of words that it cannot parse."""
MAX_AFTER = 30
"""Lines after it that trackers and launchers print at the end of a process."""


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
    text = " ".join(ANSI.sub("", line.decode(errors="replace")).split())
    return text if len(text) <= SHOWN else text[: SHOWN - 4] + " ..."


def error_at_end(log: Path) -> str:
    r"""Return the last line of the traceback at the end of an output, or what Hydra says there is
    wrong with its overrides; empty if there is neither.

    >>> text = "Traceback (most recent call last):\n  File 'x'\nValueError: bad\nwandb: bye\n"
    >>> _ = Path("log.txt").write_text(text)
    >>> error_at_end(Path("log.txt"))
    'ValueError: bad'
    """
    text = _end_of(log)
    start = text.rfind(b"Traceback (most recent call last):")
    found = ERROR.match(text[start:]) if start >= 0 else None
    if found is None or found[2].count(b"\n") > MAX_AFTER:
        return hydra_error(text.decode(errors="replace"))
    return printable_line(found[1])


class Crash(NamedTuple):
    """Where a program of Python was when a signal ended it, and its `last` line before."""

    where: str
    last: str


def crash_at_end(log: Path) -> Crash | None:
    r"""Return where the program that ended in a crash was, as faulthandler says at the end of its
    output; None where it does not.

    >>> text = "epoch 2\nFatal Python error: Aborted\n\nThread 0x1 (most recent call first):\n"
    >>> _ = Path("log.txt").write_text(text + '  File "/a/train.py", line 3 in step\n')
    >>> crash_at_end(Path("log.txt"))
    Crash(where='step (/a/train.py, line 3)', last='epoch 2')
    """
    text = _end_of(log)
    found = CRASH.search(text, max(0, text.rfind(b"Fatal Python error: ")))
    if found is None:
        return None
    frame = FRAME.search(found[1])
    where = b"%s (%s, line %s)" % (frame[3], frame[1], frame[2]) if frame else b"no line of Python"
    said = text[: found.start()].replace(b"\r", b"\n").rstrip().rpartition(b"\n")[2]
    return Crash(printable_line(where), printable_line(said))


def _end_of(log: Path) -> bytes:
    with log.open("rb") as file:
        file.seek(max(0, log.stat().st_size - LINE_BYTES))
        return file.read()


def hydra_error(text: str) -> str:
    r"""Return what a Hydra application says is wrong, at the end of its output; empty if nothing.

    >>> hydra_error("Could not override 'lrr'.\nKey 'lrr' is not in struct\n\n" + HYDRA + " ...")
    "Could not override 'lrr'. Key 'lrr' is not in struct"
    """
    before, found, after = text.rpartition(HYDRA)
    if not found or after.strip().count("\n") > MAX_AFTER:
        return ""
    *_, paragraph = before.strip().split("\n\n")
    said = [line for line in paragraph.splitlines() if not line.startswith("See http")]
    reason = printable_line(" ".join(said[-6:]).encode())
    if GRAMMAR in paragraph:
        reason += "; a value with = or a comma needs quotes of Hydra's: hydra.run.dir='{directory}'"
    return reason
