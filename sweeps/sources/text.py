"""Tables in text: CSV with any separator, Markdown, JSON and JSON lines."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.judging.table import Cell, RunTable

__all__ = ["read_text"]

MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
SEPARATORS = (",", ";", "\t", "|")
SNIFFED_LINES = 20
RULE = re.compile(r"[\s|:+=-]*-[\s|:+=-]*")
"""The line below the head of a Markdown table."""
MAX_CELL = 10_000_000


def read_text(source: str, content: bytes) -> RunTable:
    """Return the table in `content`, whose format is seen from what is there.

    Raises `UserError` where there is none.

    >>> read_text("runs.csv", b"name;acc\\nbase;0,9\\n").columns
    ('name', 'acc')
    """
    text, notes = _decode(source, content)
    first = text.lstrip()[:1]
    if not first:
        raise UserError(f"{source} is empty")
    if first in "{[":
        table = _from_json(source, text)
    else:
        table = _from_csv(source, text)
    return RunTable(source, *table, notes=tuple(notes))


def _decode(source: str, content: bytes) -> tuple[str, list[str]]:
    for mark, encoding in MARKS:
        if content.startswith(mark):
            try:
                return content.decode(encoding), []
            except UnicodeDecodeError as error:
                raise UserError(f"{source} is no {encoding}: {error.reason}") from None
    if b"\0" in content[:4096]:
        raise UserError(f"{source} is no text; give a CSV, or JSON with a run a line")
    try:
        return content.decode(), []
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        note = f"Line {line} of {source} is no UTF-8; all of it was read as Windows-1252."
        return content.decode("cp1252", errors="replace"), [note]


Parts = tuple[tuple[str, ...], tuple[tuple[Cell, ...], ...], tuple[str, ...]]


def _from_csv(source: str, text: str) -> Parts:
    lines = text.splitlines()
    head = next(number for number, line in enumerate(lines) if line.strip())
    separator = _separator(lines[head:])
    if separator == "|":
        head = _markdown_head(lines) or head
    csv.field_size_limit(MAX_CELL)
    reader = csv.reader(io.StringIO("\n".join(lines[head:])), delimiter=separator, strict=True)
    rows = _csv_rows(source, reader, head, markdown=separator == "|")
    _, names = next(rows)
    columns = _columns(source, names)
    cells, places = [], []
    for line, row in rows:
        if not any(cell.strip() for cell in row):
            continue
        if len(row) > len(columns):
            extra = row[len(columns) :]
            if any(cell.strip() for cell in extra):
                raise UserError(
                    f"line {line} of {source} has {len(row)} cells where its head has "
                    f"{len(columns)}: is {separator!r} what separates them?"
                )
        padded = [*row, *[""] * (len(columns) - len(row))][: len(columns)]
        cells.append(tuple(cell.strip() for cell in padded))
        places.append(f"line {line}")
    if not cells:
        raise UserError(f"{source} has a head ({', '.join(columns[:8])}) and no runs")
    return columns, _expanded(columns, cells)[1], tuple(places)


def _csv_rows(
    source: str, reader: Any, skipped: int, *, markdown: bool
) -> Iterator[tuple[int, list[str]]]:
    line = skipped + 1
    try:
        for row in reader:
            if markdown:
                if row and not row[0].strip():
                    row = row[1:]
                if row and not row[-1].strip():
                    row = row[:-1]
                if row and RULE.fullmatch("|".join(row)):
                    line = skipped + reader.line_num + 1
                    continue
            yield line, row
            line = skipped + reader.line_num + 1
    except csv.Error as error:
        raise UserError(f"line {line} of {source} cannot be read as CSV: {error}") from None


def _separator(lines: Sequence[str]) -> str:
    """Return what separates cells: what the head has, and the lines after it as often."""
    sample = [line for line in lines[:SNIFFED_LINES] if line.strip()]

    def steady(separator: str) -> tuple[bool, int]:
        rows = list(csv.reader(sample, delimiter=separator))
        widths = [len(row) for row in rows]
        return len(set(widths)) == 1 and widths[0] > 1, widths[0]

    if sample[0].lstrip().startswith("|"):
        return "|"
    return max(SEPARATORS, key=steady)


def _markdown_head(lines: Sequence[str]) -> int | None:
    """Return the line of the head of a Markdown table: the one above its rule."""
    for number, line in enumerate(lines[1:], start=1):
        if "|" in line and RULE.fullmatch(line):
            return number - 1
    return None


def _columns(source: str, names: Sequence[str]) -> tuple[str, ...]:
    columns = [
        " ".join(name.split()).strip("*`") or f"column {i}" for i, name in enumerate(names, 1)
    ]
    while columns and not names[len(columns) - 1].strip() and len(columns) > 1:
        columns.pop()
    twice = sorted({name for name in columns if columns.count(name) > 1})
    if twice:
        raise UserError(f"{source} has two columns {twice[0]!r}: rename one")
    return tuple(columns)


def _from_json(source: str, text: str) -> Parts:
    """Return the objects of an array, of lines, or of an object of lists."""
    objects: list[tuple[str, Any]] = []
    try:
        whole = json.loads(text)
    except json.JSONDecodeError:
        for number, line in enumerate(text.splitlines(), 1):
            if line.strip():
                objects.append((f"line {number}", _json_line(source, number, line)))
    else:
        objects = _of_whole(source, whole)
    rows: list[dict[str, Any]] = []
    for place, found in objects:
        if not isinstance(found, dict):
            raise UserError(f"{place} of {source} is no object but {str(found)[:40]!r}")
        rows.append(dict(_flat(found)))
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    if not rows or not columns:
        raise UserError(f"{source} has no runs")
    return (
        columns,
        tuple(tuple(row.get(c) for c in columns) for row in rows),
        tuple(place for place, _ in objects),
    )


def _json_line(source: str, number: int, line: str) -> Any:
    try:
        return json.loads(line)
    except json.JSONDecodeError as error:
        raise UserError(
            f"line {number} of {source} is no JSON: {error.msg} at character {error.pos + 1}"
        ) from None


def _of_whole(source: str, whole: Any) -> list[tuple[str, Any]]:
    if isinstance(whole, dict) and whole and all(isinstance(v, list) for v in whole.values()):
        lengths = {len(values) for values in whole.values()}
        if len(lengths) > 1:
            raise UserError(f"{source} has columns of different lengths: {sorted(lengths)}")
        whole = [
            dict(zip(whole, cells, strict=True)) for cells in zip(*whole.values(), strict=True)
        ]
    if isinstance(whole, dict):
        whole = [whole]
    if not isinstance(whole, list):
        raise UserError(f"{source} has no runs: it is {str(whole)[:40]!r}")
    return [(f"run {number}", found) for number, found in enumerate(whole, 1)]


def _flat(found: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, Cell]]:
    """Yield nested objects as `config.lr`."""
    for key, value in found.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from _flat(value, f"{name}.")
        elif value is None or isinstance(value, str | bool):
            yield name, value
        elif isinstance(value, int | float):
            yield name, float(value)
        else:
            yield name, json.dumps(value)


def _expanded(
    columns: tuple[str, ...], rows: Sequence[tuple[str, ...]]
) -> tuple[tuple[str, ...], tuple[tuple[Cell, ...], ...]]:
    return columns, tuple(rows)
