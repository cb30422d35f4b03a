"""The scalars of TensorBoard's event files: a folder of them is a run.

The format has not changed since TensorFlow 0.x: records of a length, a checksum, and a protocol
buffer, of which a scalar needs five fields. Reading these takes no package, and tests hold it to
files that TensorBoard's own writer made.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.judging.tables.table import Cell, RunTable

__all__ = ["is_event_folder", "read_tensorboard"]

EVENTS = "*tfevents*"
MAX_RECORD = 1 << 30
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Wire types of protocol buffers."""
DT_FLOAT, DT_DOUBLE = 1, 2


def is_event_folder(folder: Path) -> bool:
    """Whether there are event files in `folder` or below it."""
    return next(folder.rglob(EVENTS), None) is not None


def read_tensorboard(folder: Path) -> RunTable:
    """Return a row for each step of each run below `folder`; the run is its folder's name there.

    Raises `UserError` where no event file has a scalar.
    """
    rows: dict[tuple[str, float], dict[str, Cell]] = {}
    for path in sorted(folder.rglob(EVENTS)):
        run = path.parent.relative_to(folder).as_posix()
        for step, tag, value in read_scalars(path):
            rows.setdefault((run if run != "." else folder.name, float(step)), {})[tag] = value
    tags = sorted({tag for cells in rows.values() for tag in cells})
    if not tags:
        raise UserError(f"no event file below {folder} has a scalar")
    ordered = sorted(rows)
    return RunTable(
        source=f"TensorBoard folder {folder.name}",
        columns=("run", "step", *tags),
        rows=tuple((run, step, *map(rows[run, step].get, tags)) for run, step in ordered),
        places=tuple(f"{run}, step {step:g}" for run, step in ordered),
        known={"step": "step", "trial": "run"},
        settings=(),
    )


def read_scalars(path: Path) -> Iterator[tuple[int, str, float]]:
    """Yield step, tag and value of every scalar in the event file at `path`.

    A record that was cut off, as of a run that was killed, ends the file.
    """
    content = path.read_bytes()
    at = 0
    while at + 12 <= len(content):
        (length,) = struct.unpack_from("<Q", content, at)
        end = at + 12 + length
        if length > MAX_RECORD or end > len(content):
            return
        yield from _scalars_of_event(content[at + 12 : end])
        at = end + 4  # a checksum


def _scalars_of_event(event: bytes) -> Iterator[tuple[int, str, float]]:
    step = 0
    summaries = []
    for number, _, value in _fields(event):
        if number == 2 and isinstance(value, int):
            step = value
        elif number == 5 and isinstance(value, bytes):
            summaries.append(value)
    for summary in summaries:
        for number, _, value in _fields(summary):
            if number == 1 and isinstance(value, bytes):
                tag, scalar = _scalar(value)
                if scalar is not None:
                    yield step, tag, scalar


def _scalar(content: bytes) -> tuple[str, float | None]:
    """Return tag and number of a `Summary.Value`: `simple_value`, or a tensor of one number."""
    tag, found = "", None
    for number, kind, value in _fields(content):
        if number == 1 and isinstance(value, bytes):
            tag = value.decode(errors="replace")
        elif number == 2 and kind == FIXED32 and isinstance(value, bytes):
            (found,) = struct.unpack("<f", value)
        elif number == 8 and isinstance(value, bytes):
            found = _tensor(value)
    return tag, found


def _tensor(content: bytes) -> float | None:
    dtype, data = 0, b""
    for number, kind, value in _fields(content):
        if number == 1 and isinstance(value, int):
            dtype = value
        # Of field 2, the shape, nothing is needed: a scalar is one number, packed or not.
        elif number in (4, 5, 6) and kind in (BYTES, FIXED32, FIXED64) and isinstance(value, bytes):
            data = value
    if dtype == DT_FLOAT and len(data) == 4:
        return float(struct.unpack("<f", data)[0])
    if dtype == DT_DOUBLE and len(data) == 8:
        return float(struct.unpack("<d", data)[0])
    return None


def _fields(content: bytes) -> Iterator[tuple[int, int, int | bytes]]:
    """Yield number, wire type and value of each field of a protocol buffer."""
    at = 0
    while at < len(content):
        key, at = _varint(content, at)
        number, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = _varint(content, at)
            yield number, kind, value
            continue
        size = {FIXED64: 8, FIXED32: 4}.get(kind)
        if kind == BYTES:
            size, at = _varint(content, at)
        if size is None or at + size > len(content):
            return  # a kind that no event has, or damage
        yield number, kind, content[at : at + size]
        at += size


def _varint(content: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while at < len(content):
        byte = content[at]
        at += 1
        value |= (byte & 0x7F) << shift
        shift += 7
        if not byte & 0x80:
            break
    return value, at
