"""Records of protobuf messages, as trackers write them: read without their packages.

Only the few fields that hold numbers are of interest, whose places in the messages are fixed.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import Any

__all__ = ["fields", "varint"]

VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
"""Protobuf's wire types."""


def varint(data: bytes, at: int) -> tuple[int, int]:
    """Return the number at `at`, and where the next thing is.

    >>> varint(bytes([0xAC, 0x02]), 0)
    (300, 2)
    """
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
        shift += 7
        if shift > 63:
            raise ValueError("no number of protobuf's")


def fields(data: bytes) -> Iterator[tuple[int, Any]]:
    """Yield number and value of each field of a message: an int, a float or bytes.

    A number of four bytes is a float, one of eight a double. Raises `ValueError` for what is no
    message.

    >>> list(fields(bytes([0x08, 0x05, 0x12, 0x02, 0x68, 0x69])))
    [(1, 5), (2, b'hi')]
    """
    at = 0
    try:
        while at < len(data):
            key, at = varint(data, at)
            kind = key & 7
            if kind == VARINT:
                value, at = varint(data, at)
                yield key >> 3, value
            elif kind == BYTES:
                size, at = varint(data, at)
                yield key >> 3, data[at : at + size]
                at += size
            elif kind in (FIXED32, FIXED64):
                size, form = (4, "<f") if kind == FIXED32 else (8, "<d")
                yield key >> 3, struct.unpack_from(form, data, at)[0]
                at += size
            else:
                raise ValueError(f"no wire type {kind}")
    except (IndexError, struct.error):
        raise ValueError("a message that is cut short") from None
