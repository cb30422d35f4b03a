"""Metrics in TensorBoard's event files, which `SummaryWriter.add_scalar` writes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from darkmagic.trainers.command.sources.records import fields
from darkmagic.trainers.command.sources.values import Found

__all__ = ["read_event_file"]

STEP, SUMMARY = 2, 5  # of an Event
VALUE = 1  # of a Summary
TAG, SIMPLE, TENSOR = 1, 2, 8  # of a Summary.Value
DTYPE, CONTENT, FLOATS, DOUBLES = 1, 4, 5, 6  # of a Tensor
FORMATS: Mapping[int, str] = {1: "<f", 2: "<d"}
"""Of a tensor's bytes, by its dtype."""


def read_event_file(path: Path) -> Found:
    """Return the scalars of an event file by tag, as far as it is whole."""
    found = Found(f"TensorBoard's {path.name}")
    for record in _records(path.read_bytes()):
        try:
            _read_event(record, found)
        except ValueError:  # a record of another kind
            continue
    return found


def _records(data: bytes) -> Iterator[bytes]:
    """Yield what is framed as TFRecord: a length, its checksum, the record and its checksum."""
    at = 0
    while at + 12 <= len(data):
        (length,) = struct.unpack_from("<Q", data, at)
        if at + 16 + length > len(data):
            return  # still being written
        yield data[at + 12 : at + 12 + length]
        at += 16 + length


def _read_event(record: bytes, found: Found) -> None:
    step, summaries = 0, []
    for place, value in fields(record):
        if place == STEP:
            step = value
        elif place == SUMMARY:
            summaries.append(value)
    for summary in summaries:
        for place, value in fields(summary):
            if place == VALUE and isinstance(value, bytes):
                _read_value(dict(fields(value)), step, found)


def _read_value(value: Mapping[int, Any], step: int, found: Found) -> None:
    tag, number = value.get(TAG), value.get(SIMPLE)
    if number is None and isinstance(value.get(TENSOR), bytes):
        number = _scalar(dict(fields(value[TENSOR])))
    if isinstance(tag, bytes) and isinstance(number, float):
        found.add(tag.decode(errors="replace"), number, step)


def _scalar(tensor: Mapping[int, Any]) -> float | None:
    """Return the one number of a tensor; None for another tensor."""
    for place, form in ((CONTENT, FORMATS.get(tensor.get(DTYPE, 0))), (FLOATS, "<f")):
        content = tensor.get(place)
        if form and isinstance(content, bytes) and len(content) == struct.calcsize(form):
            return float(struct.unpack(form, content)[0])
    number = tensor.get(FLOATS, tensor.get(DOUBLES))
    return number if isinstance(number, float) else None
