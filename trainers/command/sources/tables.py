"""Metrics in a script's CSV and JSON-lines files."""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from darkmagic.trainers.command.sources.values import Found, add_row, number, parse_object

__all__ = ["read_table"]

MAX_BYTES = 64 << 20
"""Of a file that are read, from its end: the last values are what counts."""


def read_table(path: Path) -> Found:
    r"""Return the values of a CSV file with a head, of JSON lines, or of a JSON object or list.

    >>> _ = Path("log.csv").write_text("epoch,val_acc\n0,0.5\n1,0.75\n")
    >>> read_table(Path("log.csv")).series("val_acc")
    [(0, 0.5), (1, 0.75)]
    """
    found = Found(path.name)
    text = _text(path)
    if path.suffix in (".csv", ".tsv"):
        delimiter = "\t" if path.suffix == ".tsv" else ","
        rows = csv.DictReader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
        if rows.fieldnames and all(number(name) is not None for name in rows.fieldnames):
            return Found(f"{path.name}, whose first line has no names")
        for row in rows:
            named = {str(name).strip(): value for name, value in row.items() if name is not None}
            add_row(found, {name: value for name, value in named.items() if value != ""})
        return found
    whole = parse_object(text) or parse_object(f'{{"rows": {text}}}')
    lines = [whole] if whole is not None else [parse_object(line) for line in text.splitlines()]
    for each in lines:
        if each is not None:
            _add(found, each)
    return found


def _add(found: Found, row: Mapping[str, Any]) -> None:
    """Add a row, and the rows of lists in it, as of the log history of a trainer's state."""
    for value in row.values():
        if isinstance(value, list):
            for inner in value:
                if isinstance(inner, dict):
                    add_row(found, inner)
    add_row(found, row)


def _text(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.readline() if size > MAX_BYTES else b""
        file.seek(max(0, size - MAX_BYTES))
        if head:
            file.readline()  # the rest of a line
        return (head + file.read()).replace(b"\0", b"").decode(errors="replace")
