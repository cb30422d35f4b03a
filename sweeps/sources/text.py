"""Tables in text: CSV with any separator, Markdown, JSON and JSON lines."""

from __future__ import annotations

import ast
import codecs
import contextlib
import csv
import itertools
import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.judging.tables.table import Cell, RunTable

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
RULE = re.compile(r"(?=[^-]*-)[\s|:+=-]+")
"""The line below the head of a Markdown table."""
LINE_END = re.compile(r"\r\n|\r|\n")
"""What ends a line of a file: text has further ones within, such as U+2028 and form feeds."""
LARGE_INT = 300
"""Digits from which a whole number is read as a float, infinite beyond its range."""
SETTINGS = ("config", "params", "hparams", "args")
"""Columns, or objects, that have what was set."""
MAX_CELL = 10_000_000


def read_text(source: str, content: bytes) -> RunTable:
    r"""Return the table in `content`, whose format is seen from what is there.

    Raises `UserError` where there is none.

    >>> read_text("runs.csv", b"name;acc\nbase;0,9\n").columns
    ('name', 'acc')
    """
    text, notes = _decode(source, content)
    first = text.lstrip()[:1]
    if not first:
        raise UserError(f"{source} is empty")
    csv.field_size_limit(MAX_CELL)
    read = _from_json if first in "{[" else _from_csv
    columns, rows, places, settings = read(source, text)
    return RunTable(source, columns, rows, places, {}, settings or None, tuple(notes))


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


Parts = tuple[tuple[str, ...], tuple[tuple[Cell, ...], ...], tuple[str, ...], tuple[str, ...]]
"""Columns, rows, the place of each row, and the columns that were set, not measured."""


def _from_csv(source: str, text: str) -> Parts:
    lines = LINE_END.split(text)
    head = _markdown_head(lines)
    if head is None:
        head = next(number for number, line in enumerate(lines) if line.strip())
        said = re.fullmatch(r"sep=(.)", lines[head].strip('"'))  # as Excel is told
        head += 1 if said else 0
        separator = said[1] if said else _separator(lines[head:])
    else:
        separator = "|"
        lines = lines[:head] + list(itertools.takewhile(lambda line: "|" in line, lines[head:]))
    rows = list(_csv_rows(source, lines[head:], head + 1, separator))
    columns = _columns(source, rows[0][1])
    cells, places = [], []
    for line, row in rows[1:]:
        if any(cell.strip() for cell in row[len(columns) :]):
            raise UserError(
                f"line {line} of {source} has {len(row)} cells where its head has {len(columns)}: "
                f"is {separator!r} what separates them?"
            )
        cells.append(tuple(cell.strip() for cell in [*row, *[""] * len(columns)][: len(columns)]))
        places.append(f"line {line}")
    if not cells:
        raise UserError(f"{source} has a head ({', '.join(columns[:8])}) and no runs")
    if not rows[0][1][0].strip() and [row[0] for row in cells] == [*map(str, range(len(cells)))]:
        columns, cells = columns[1:], [row[1:] for row in cells]  # a DataFrame's own numbers
    columns, expanded, settings = expand_dictionaries(columns, cells)
    return columns, expanded, tuple(places), settings


def _csv_rows(
    source: str, lines: Sequence[str], first: int, separator: str
) -> Iterator[tuple[int, list[str]]]:
    """Yield the rows that are not empty, each with the line that it begins in."""
    reader = csv.reader([f"{line}\n" for line in lines], delimiter=separator, strict=True)
    line = first
    try:
        for cells in reader:
            row = _inner(cells) if separator == "|" else cells
            if any(cell.strip() for cell in row) and not RULE.fullmatch("|".join(row)):
                yield line, [cell.rstrip("\n") for cell in row]
            line = first + reader.line_num
    except csv.Error as error:
        raise UserError(f"line {line} of {source} cannot be read as CSV: {error}") from None


def _inner(row: list[str]) -> list[str]:
    """Return the cells of a line of Markdown without what is before the first and last bar."""
    start = 1 if row and not row[0].strip() else 0
    end = -1 if len(row) > start and not row[-1].strip() else len(row)
    return row[start:end]


def _separator(lines: Sequence[str]) -> str:
    """Return what separates cells: what the head has, and the lines after it as often."""
    sample = [f"{line}\n" for line in lines[:SNIFFED_LINES] if line.strip()]

    def steady(separator: str) -> tuple[bool, int]:
        widths = [len(row) for row in csv.reader(sample, delimiter=separator)]
        return len(set(widths)) == 1 and widths[0] > 1, widths[0]

    return max(SEPARATORS, key=steady)


def _markdown_head(lines: Sequence[str]) -> int | None:
    """Return the line of the head of a Markdown table: the one above its rule."""
    rules = (n for n, line in enumerate(lines) if "|" in line and RULE.fullmatch(line))
    found = next(rules, None)
    return found - 1 if found else None


def _columns(source: str, names: Sequence[str]) -> tuple[str, ...]:
    count = max(number for number, name in enumerate(names, 1) if name.strip())
    plain = (" ".join(name.split()).strip("*`") for name in names[:count])
    columns = [name or f"column {number}" for number, name in enumerate(plain, 1)]
    twice = sorted(name for name, count in Counter(columns).items() if count > 1)
    if twice:
        raise UserError(f"{source} has two columns {twice[0]!r}: rename one")
    return tuple(columns)


def expand_dictionaries(
    columns: tuple[str, ...], rows: Sequence[tuple[Cell, ...]]
) -> tuple[tuple[str, ...], tuple[tuple[Cell, ...], ...], tuple[str, ...]]:
    """Return the table with a column for each key of cells that are dictionaries, as text.

    So W&B's documentation writes a project's runs: `summary` and `config` are such columns. What
    `config` has are the settings, which are returned too.
    """
    found: dict[str, list[Cell]] = {}
    settings = []
    for index, column in enumerate(columns):
        cells = [row[index] for row in rows]
        parsed = [_dictionary(cell) for cell in cells]
        if not any(parsed) or any(p is None for p, c in zip(parsed, cells, strict=True) if c):
            found[column] = cells
            continue
        flat = [dict(_flat(p or {})) for p in parsed]
        for key in dict.fromkeys(key for row in flat for key in row):
            name = f"{column}.{key}" if key in found or key in columns else key
            found[name] = [row.get(key) for row in flat]
            settings += [name] if column in SETTINGS else []
    return tuple(found), tuple(zip(*found.values(), strict=True)), tuple(settings)


def _dictionary(cell: Cell) -> dict[str, Any] | None:
    """Return the dictionary that a cell writes as Python or JSON does; None of other cells."""
    if not (isinstance(cell, str) and cell.startswith("{") and cell.endswith("}")):
        return None
    for read in (_load, ast.literal_eval):
        # Python writes numbers that are none as nan and inf, which are no literals.
        text = re.sub(r"(?<=[:\s\[(,-])(nan|inf)(?=[,}\]\s)])", "None", cell)
        with contextlib.suppress(ValueError, SyntaxError, MemoryError, RecursionError):
            found = read(text)
            return {str(k): v for k, v in found.items()} if isinstance(found, dict) else None
    return None


def _from_json(source: str, text: str) -> Parts:
    """Return the runs of an array, of lines, or of an object of lists."""
    try:
        objects = _of_whole(source, _load(text))
    except json.JSONDecodeError:
        lines = [(n, line) for n, line in enumerate(LINE_END.split(text), 1) if line.strip()]
        objects = [(f"line {n}", _json_line(source, n, line)) for n, line in lines]
    except RecursionError:
        raise UserError(f"{source} is nested too deeply for a table") from None
    rows: list[dict[str, Cell]] = []
    for place, found in objects:
        if not isinstance(found, dict):
            raise UserError(f"{place} of {source} is no object but {str(found)[:40]!r}")
        rows.append(dict(_flat(found)))
    columns = tuple(dict.fromkeys(name for row in rows for name in row))
    if not columns:
        raise UserError(f"{source} has no runs")
    cells = tuple(tuple(map(row.get, columns)) for row in rows)
    settings = tuple(c for c in columns if c.partition(".")[0] in SETTINGS)
    return columns, cells, tuple(place for place, _ in objects), settings


def _load(text: str) -> Any:
    return json.loads(text, parse_int=lambda n: int(n) if len(n) < LARGE_INT else float(n))


def _json_line(source: str, number: int, line: str) -> Any:
    try:
        return _load(line)
    except RecursionError:
        raise UserError(f"line {number} of {source} is nested too deeply for a table") from None
    except json.JSONDecodeError as error:
        raise UserError(
            f"line {number} of {source} is no JSON: {error.msg} at character {error.pos + 1}"
        ) from None


def _of_whole(source: str, whole: Any) -> list[tuple[str, Any]]:
    if isinstance(whole, dict) and whole and all(isinstance(v, list) for v in whole.values()):
        lengths = {len(values) for values in whole.values()}
        if len(lengths) > 1:
            raise UserError(f"{source} has columns of different lengths: {sorted(lengths)}")
        cells = zip(*whole.values(), strict=True)
        whole = [dict(zip(whole, row, strict=True)) for row in cells]
    runs = whole if isinstance(whole, list) else [whole]
    return [(f"run {number}", found) for number, found in enumerate(runs, 1)]


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
            yield name, json.dumps(value, default=str)
