"""Metrics in the files of a W&B run, offline or not: what `wandb.log` was given."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path

from darkmagic.trainers.command.sources.records import fields
from darkmagic.trainers.command.sources.values import Found, add_row, parse_object

__all__ = ["read_wandb_file"]

HEADER, BLOCK = 7, 32768
"""Bytes of W&B's own header, and of a block of LevelDB's log format, which follows it."""
FULL, FIRST, MIDDLE, LAST = 1, 2, 3, 4
HISTORY, SUMMARY = 2, 3  # of a Record
ITEM = 1  # of a HistoryRecord, and of a SummaryRecord
STEP = "_step"
KEY, NESTED, VALUE = 1, 2, 16  # of an item of either


def read_wandb_file(path: Path) -> Found:
    """Return the history of a `run-ID.wandb` file by name, as far as it is whole.

    What was written to the run's summary alone, without a step, has its last value.
    """
    found = Found(f"W&B's {path.name}")
    summary: dict[str, object] = {}
    for record in _records(path.read_bytes()):
        try:
            for place, history in fields(record):
                if place == HISTORY and isinstance(history, bytes):
                    add_row(found, dict(_row(history)))
                elif place == SUMMARY and isinstance(history, bytes):
                    summary |= _row(history)
        except ValueError:  # a record of another kind
            continue
    add_row(found, {k: v for k, v in summary.items() if k not in found.values and k != STEP})
    for name in [name for name in found.values if name.startswith("_")]:  # W&B's own
        del found.values[name]
    return found


def _row(history: bytes) -> Iterator[tuple[str, object]]:
    for place, item in fields(history):
        if place != ITEM or not isinstance(item, bytes):
            continue
        names: list[str] = []
        text = ""
        for part, content in fields(item):
            if part in (KEY, NESTED) and isinstance(content, bytes) and content:
                names.append(content.decode(errors="replace"))
            elif part == VALUE and isinstance(content, bytes):
                text = content.decode(errors="replace")
        row = parse_object(f'{{"value": {text}}}')
        if names and row:
            yield ".".join(names), row.get("value")


def _records(data: bytes) -> Iterator[bytes]:
    """Yield the records of LevelDB's log format, which may be in parts over several blocks."""
    at, parts = HEADER, b""
    while at + 7 <= len(data):
        left = BLOCK - at % BLOCK  # of this block; W&B's header counts in the first one
        if left < 7:
            at += left
            continue
        length, kind = struct.unpack_from("<HB", data, at + 4)
        if kind not in (FULL, FIRST, MIDDLE, LAST) or at + 7 + length > len(data):
            return
        part = data[at + 7 : at + 7 + length]
        at += 7 + length
        parts = part if kind in (FULL, FIRST) else parts + part
        if kind in (FULL, LAST):
            yield parts
