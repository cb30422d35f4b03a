"""Rows of a CSV, Parquet, JSON or JSON-lines file, as text."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from darkmagic.distribution import install_extra
from darkmagic.text import printable

__all__ = ["DELIMITERS", "EXTENSIONS", "Cell", "Rows", "read_rows"]

EXTENSIONS = (".csv", ".tsv", ".txt", ".json", ".jsonl", ".ndjson", ".parquet", ".pq")
DELIMITERS = (",", ";", "\t", "|")
SAMPLE_LINES = 50
Cell = str | list[str]
"""Text, or a list of it: several labels of one image."""


@dataclass(frozen=True)
class Rows:
    """The rows that are not empty, each with its number in the file, from 1; the names of columns.

    `empty` counts the rows that are left out because nothing is in them.
    """

    columns: tuple[str, ...]
    rows: tuple[Mapping[str, Cell], ...]
    numbers: tuple[int, ...]
    empty: int = 0

    def column(self, name: str) -> list[Cell]:
        """Return the cells of a column, in order."""
        return [row.get(name, "") for row in self.rows]


def read_rows(path: Path, delimiter: str | None = None) -> Rows:
    """Return the rows of the file at `path`, whose kind its extension says.

    Numbers stay as they are written, so that `007` is a label. `delimiter` divides the columns of
    a CSV; None finds it. Raises `ValueError`, one line, for a file that is no table.
    """
    name = printable(path)
    if not path.is_file():
        there = "is a folder" if path.is_dir() else "is not there"
        raise ValueError(f"{name} {there}: give a file of labels (dataset.source.file)")
    kind = path.suffix.lower()
    try:
        if kind in (".parquet", ".pq"):
            return _from_records(_parquet(path), name)
        text = path.read_bytes().decode("utf-8-sig")
        if kind in (".jsonl", ".ndjson"):
            return _from_records(_json_lines(text, name), name)
        if kind == ".json":
            return _from_records(_json(text, name), name)
    except UnicodeDecodeError as error:
        raise ValueError(
            f"{name} is not UTF-8 text (byte {error.start}): save it as UTF-8"
        ) from None
    if kind not in EXTENSIONS:
        raise ValueError(f"{name}: choose a file of {', '.join(EXTENSIONS)}")
    return _csv(text, name, delimiter)


def _csv(text: str, name: str, delimiter: str | None) -> Rows:
    if "\0" in text:
        raise ValueError(f"{name} is no text: it has bytes of 0; save it as UTF-8")
    delimiter = delimiter or _find_delimiter(text)
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    try:
        lines = [(reader.line_num, [cell.strip() for cell in row]) for row in reader]
    except csv.Error as error:
        raise ValueError(f"{name}, line {reader.line_num}: {error}") from None
    filled = [(number, row) for number, row in lines if any(row)]
    if not filled:
        raise ValueError(f"{name} is empty")
    columns = _columns(filled[0][1], name)
    rows, numbers = [], []
    for number, row in filled[1:]:
        if len(row) > len(columns) and any(row[len(columns) :]):
            raise ValueError(
                f"{name}, line {number}: {len(row)} cells and {len(columns)} columns (divided by "
                f"{delimiter!r}): put text with {delimiter!r} in quotes"
            )
        rows.append(dict(zip(columns, row, strict=False)))
        numbers.append(number)
    if not rows:
        raise ValueError(f"{name} has a line of names ({', '.join(columns)}) and no rows")
    return Rows(columns, tuple(rows), tuple(numbers), len(lines) - len(filled))


def _columns(header: Sequence[str], name: str) -> tuple[str, ...]:
    if not header[0] and len(header) > 1:  # the index that pandas writes
        header = ["index", *header[1:]]
    names = [printable(each) if each else f"column {i + 1}" for i, each in enumerate(header)]
    twice = sorted({each for each in names if names.count(each) > 1})
    if twice:
        raise ValueError(f"{name} has two columns {twice[0]!r}: name them apart")
    return tuple(names)


def _find_delimiter(text: str) -> str:
    """Return what divides the first lines into the same number of columns, the most."""
    lines = [line for line in text.splitlines()[: 2 * SAMPLE_LINES] if line.strip()][:SAMPLE_LINES]
    best, most = DELIMITERS[0], 1
    for delimiter in DELIMITERS:
        counts = [len(row) for row in csv.reader(lines, delimiter=delimiter)]
        common = min(counts, default=1)
        if common > most and common == counts[0]:
            best, most = delimiter, common
    return best


def _json_lines(text: str, name: str) -> list[Any]:
    found = []
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            try:
                found.append(json.loads(line))
            except (ValueError, RecursionError):
                raise ValueError(f"{name}, line {number} is no JSON") from None
    return found


def _json(text: str, name: str) -> list[Any]:
    try:
        content = json.loads(text)
    except ValueError as error:
        try:  # lines of JSON under the plain extension
            return _json_lines(text, name)
        except ValueError:
            raise ValueError(f"{name} is no JSON: {error}") from None
    except RecursionError:
        raise ValueError(f"{name} is nested too deeply for a table") from None
    if isinstance(content, dict) and all(_is_cell(value) for value in content.values()):
        return [{"image": key, "label": value} for key, value in content.items()]
    if isinstance(content, dict):  # the rows under one name, beside what describes them
        lists = [v for v in content.values() if isinstance(v, list) and v and _is_record(v[0])]
        if len(lists) == 1:
            return list(lists[0])
    if not isinstance(content, list):
        raise ValueError(  # noqa: TRY004 (of a file, not of an argument)
            f"{name} is no table: expected a list of objects such as "
            '[{"image": "a.jpg", "label": "cat"}], or {"a.jpg": "cat"}'
        )
    return content


def _is_record(value: Any) -> bool:
    return isinstance(value, dict)


def _is_cell(value: Any) -> bool:
    return value is None or isinstance(value, str | int | float | list)


def _parquet(path: Path) -> Iterable[Any]:
    try:
        import pyarrow.parquet as pq  # noqa: PLC0415 (slow, and needed for Parquet alone)
    except ModuleNotFoundError:
        raise ValueError(
            f"{printable(path)}: Parquet needs pyarrow: {install_extra('data')}"
        ) from None
    try:
        found: list[Any] = pq.read_table(path).to_pylist()
    except (OSError, ValueError) as error:
        raise ValueError(f"{printable(path)} is no Parquet file: {error}") from None
    return found


def _from_records(records: Iterable[Any], name: str) -> Rows:
    columns: dict[str, None] = {}
    rows, numbers, empty = [], [], 0
    for number, record in enumerate(records, 1):
        if not isinstance(record, dict):
            shown = f"{record!r:.60}"
            raise ValueError(f"{name}, row {number} is no object with names: {shown}")  # noqa: TRY004
        for key, value in record.items():
            if _is_image(value):
                raise ValueError(
                    f"{name}: column {printable(key)!r} has the images themselves, not names of "
                    "files; save it as a data set of Hugging Face's, datasets.load_dataset("
                    "'parquet', data_files=...).save_to_disk(FOLDER), and give dataset=huggingface "
                    "dataset.source.path=FOLDER"
                )
        row = {printable(key): _cell(value) for key, value in record.items()}
        columns.update(dict.fromkeys(row))
        if any(row.values()):
            rows.append(row)
            numbers.append(number)
        else:
            empty += 1
    if not rows:
        raise ValueError(f"{name} has no rows")
    return Rows(tuple(columns), tuple(rows), tuple(numbers), empty)


def _is_image(value: Any) -> bool:
    """Whether a cell is the content of an image, alone or as Hugging Face's `Image` holds it."""
    if isinstance(value, dict):
        value = value.get("bytes")
    starts = (b"\x89PNG", b"\xff\xd8\xff", b"GIF8", b"BM", b"RIFF", b"II*\0", b"MM\0*")
    return isinstance(value, bytes) and value.startswith(starts)


def _cell(value: Any) -> Cell:
    if isinstance(value, list):
        return [_text(each) for each in value]
    return _text(value)


def _text(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124 (NaN, as a missing number is)
        return ""
    if isinstance(value, bool):
        return str(int(value))
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # of a column of whole numbers with gaps
    if isinstance(value, bytes):
        return value.decode("utf-8", "backslashreplace")
    return str(value).strip()
