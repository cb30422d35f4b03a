"""Metrics in a script's CSV and JSON-lines files."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from darkmagic.trainers.command.sources.values import Found, add_row, parse_object

__all__ = ["read_table"]

MAX_BYTES = 64 << 20
"""Of a file that are read, from its end: the last values are what counts."""


def read_table(path: Path) -> Found:
    r"""Return the values of a CSV file with a head, of JSON lines, or of a JSON object.

    >>> _ = Path("log.csv").write_text("epoch,val_acc\n0,0.5\n1,0.75\n")
    >>> read_table(Path("log.csv")).series("val_acc")
    [(0, 0.5), (1, 0.75)]
    """
    found = Found(path.name)
    text = _text(path)
    if path.suffix in (".csv", ".tsv"):
        delimiter = "\t" if path.suffix == ".tsv" else ","
        rows = csv.DictReader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
        for row in rows:
            named = {str(name).strip(): value for name, value in row.items() if name is not None}
            add_row(found, {name: value for name, value in named.items() if value != ""})
        return found
    whole = parse_object(text)
    lines = [whole] if whole is not None else [parse_object(line) for line in text.splitlines()]
    for each in lines:
        if each is not None:
            add_row(found, each)
    return found


def _text(path: Path) -> str:
    size = path.stat().st_size
    with path.open("rb") as file:
        head = file.readline() if size > MAX_BYTES else b""
        file.seek(max(0, size - MAX_BYTES))
        if head:
            file.readline()  # the rest of a line
        return (head + file.read()).replace(b"\0", b"").decode(errors="replace")
