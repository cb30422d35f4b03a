"""Tables that are there as objects: a pandas or polars DataFrame, a list of dictionaries."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.judging.tables.table import Cell, RunTable, label

__all__ = ["column_name", "read_frame", "value_name"]


def read_frame(data: Any) -> RunTable:
    """Return the table of a DataFrame, a list of dictionaries or a dictionary of lists.

    Of a pandas DataFrame an index with a name is a column too. Raises `UserError` for others.

    >>> read_frame([{"name": "base", "acc": 0.9}, {"name": "mixup", "acc": 0.91}]).column("acc")
    [0.9, 0.91]
    """
    columns, source = _columns(data)
    lengths = {len(cells) for _, cells in columns}
    if len(lengths) > 1:
        raise UserError(f"{source} has columns of different lengths: {sorted(lengths)}")
    names = [name for name, _ in columns]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise UserError(f"{source} has two columns {twice[0]!r}: rename one")
    if not columns or lengths == {0}:
        raise UserError(f"{source} is empty")
    rows = tuple(zip(*([_cell(cell) for cell in cells] for _, cells in columns), strict=True))
    return RunTable(source, tuple(names), rows)


def _columns(data: Any) -> tuple[list[tuple[str, list[Any]]], str]:
    if isinstance(data, Mapping):
        for name, cells in data.items():
            if isinstance(cells, str) or not isinstance(cells, Iterable):
                raise UserError(f"the dictionary has no list of cells in {str(name)!r}")
        return [(str(name), list(cells)) for name, cells in data.items()], "the dictionary"
    if isinstance(data, list | tuple):
        if not all(isinstance(row, Mapping) for row in data):
            raise UserError("a list of runs has a dictionary for each")
        names = dict.fromkeys(name for row in data for name in row)
        return [(str(name), [row.get(name) for row in data]) for name in names], "the list"
    if not (hasattr(data, "columns") and hasattr(data, "__getitem__")):
        raise UserError(
            f"{type(data).__name__} is no table of runs: give a DataFrame, a list of dictionaries, "
            "or the name of a source"
        )
    index = getattr(data, "index", None)
    if index is not None and any(name is not None for name in getattr(index, "names", ())):
        data = data.reset_index()
    found = []
    for number, name in enumerate(data.columns):
        cells = data.iloc[:, number] if hasattr(data, "iloc") else data[name]
        found.append((_column(name), list(cells)))
    return found, "the DataFrame"


def _column(name: Any) -> str:
    """Return the name of a column, of several levels too."""
    levels = name if isinstance(name, tuple) else (name,)
    return ".".join(str(level) for level in levels if str(level))


def column_name(name: Any, option: str) -> str | None:
    """Return the name of a column of a frame as its table has it; None where none is named.

    >>> column_name(("val", "acc"), "metric"), column_name(2, "seed"), column_name(None, "step")
    ('val.acc', '2', None)
    """
    if name is None or isinstance(name, str):
        return name
    cell = _cell(name)
    if isinstance(name, list | set | dict) or cell is None:
        raise UserError(f"{option}={name!r}: need the name of one column")
    return _column(name) if isinstance(name, tuple) else str(name)


def value_name(value: Any, option: str) -> str | None:
    """Return the name that a value of a column gives to a trial; None where there is none.

    >>> value_name(0, "baseline"), value_name(0.10, "baseline"), value_name("sgd", "baseline")
    ('0', '0.1', 'sgd')
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, list | set | dict):
        raise UserError(f"{option}={value!r}: need one value of the column of trials")
    return label(_cell(value))


def _cell(value: Any) -> Cell:
    """Return a cell as text, a number, a truth value or nothing: of numpy's and pandas' too."""
    if value is None or isinstance(value, str | bool):
        return value
    if hasattr(value, "item"):
        value = value.item()  # of numpy, torch
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float):
        return float(value)
    try:
        if math.isnan(value):
            return None
    except TypeError:
        pass
    text = str(value)
    return None if text in ("<NA>", "NaT") else text
