"""The labels of each row: one, or several."""

from __future__ import annotations

import ast
import contextlib
import math
import unicodedata
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from darkmagic.trainers.data.tables.columns import YES, Columns, is_flag
from darkmagic.trainers.data.tables.read import Cell, Rows

__all__ = ["Labels", "alike", "class_order", "read_labels", "refuse_quantity"]

SEPARATORS = ("|", ";", ",", " ")
MAX_SHARE, MIN_IMAGES = 0.5, 20
"""Of images that have a label of their own: then the column is a quantity or a name of each."""


@dataclass(frozen=True)
class Labels:
    """The labels of each row, in order; empty of a row without. `how` says how they were read."""

    of_row: tuple[tuple[str, ...], ...]
    several: bool
    how: str
    doubt: str = ""


def read_labels(
    rows: Rows, columns: Columns, separator: str | None = None, *, several: bool | None = None
) -> Labels:
    """Return the labels of `rows`. `several` says whether an image may have more than one.

    None finds out: it may where a cell is a list, or where `separator`, or one that is found,
    divides the cells into fewer different labels than there are different cells. Raises
    `ValueError`, one line, where a column holds no labels.
    """
    if len(columns.labels) > 1:
        return _of_flags(rows, columns.labels)
    name = columns.labels[0]
    cells = [_as_list(cell) for cell in rows.column(name)]
    if separator is None and several is not False and not any(map(_is_list, cells)):
        separator = _find_separator([cell for cell in cells if isinstance(cell, str)])
    listed = any(map(_is_list, cells)) or separator is not None
    if several is None:
        several = listed
    if not several and any(isinstance(cell, list) and len(cell) > 1 for cell in cells):
        raise ValueError(f"column {name!r} has several labels an image: set multilabel=true")
    found = tuple(_parts(cell, separator) if several else _parts(cell, None) for cell in cells)
    refuse_quantity(f"column {name!r}", found)
    how = f"labels: column {name!r}"
    if several:
        divided = f", divided by {separator!r}" if separator else ""
        how += f", several an image{divided}"
    return Labels(found, several, how)


def _is_list(cell: Cell) -> bool:
    return isinstance(cell, list)


def _as_list(cell: Cell) -> Cell:
    """Return a list that is written as one, such as "['cat', 'dog']", as the list."""
    if isinstance(cell, str) and cell.startswith("[") and cell.endswith("]"):
        try:
            found = ast.literal_eval(cell)
        except (ValueError, SyntaxError, MemoryError, RecursionError):
            return cell
        if isinstance(found, list):
            return [str(each).strip() for each in found]
    return cell


def _parts(cell: Cell, separator: str | None) -> tuple[str, ...]:
    parts = cell if isinstance(cell, list) else cell.split(separator) if separator else [cell]
    return tuple(dict.fromkeys(part.strip() for part in parts if part.strip()))


def _find_separator(cells: Sequence[str]) -> str | None:
    whole = {cell for cell in cells if cell}
    for separator in SEPARATORS:
        divided = [cell for cell in whole if separator in cell.strip(separator)]
        parts = {part for cell in whole for part in _parts(cell, separator)}
        seen_alone = sum(part in whole for part in parts)
        enough = len(parts) < len(whole) or (separator != " " and 2 * seen_alone >= len(parts))
        if len(divided) > 1 and enough:
            return separator
    return None


def _of_flags(rows: Rows, names: Sequence[str]) -> Labels:
    found: list[list[str]] = [[] for _ in rows.rows]
    minus = set()
    for name in names:
        for cell, number, labels in zip(rows.column(name), rows.numbers, found, strict=True):
            if not is_flag(cell):
                raise ValueError(
                    f"column {name!r}, row {number}: {cell!r:.40} says neither yes (1) nor no (0)"
                )
            assert isinstance(cell, str)
            minus.add(cell)
            if cell.lower() in YES:
                labels.append(name)
    doubt = "-1 of a label counts as 0, without it" if {"-1", "0", "1"} <= minus else ""
    how = f"labels: {len(names)} columns of 0 and 1, several an image"
    return Labels(tuple(map(tuple, found)), True, how, doubt)


def refuse_quantity(
    where: str, found: Sequence[tuple[str, ...]], noun: str = "column", thing: str = "row"
) -> None:
    """Raise `ValueError` where nearly every image has a label that no other has, or none has any.

    `where` names the labels' `noun`, and each is of a `thing`.
    """
    counts = Counter(label for labels in found for label in labels)
    if not counts:
        raise ValueError(f"{where} has no label in any {thing} (dataset.source.label)")
    if len(found) >= MIN_IMAGES and len(counts) > MAX_SHARE * len(found):
        raise ValueError(
            f"{where} has {len(counts):,} different labels in {len(found):,} {thing}s: it is no "
            f"{noun} of classes; name another (dataset.source.label)"
        )


def class_order(labels: Sequence[str]) -> list[str]:
    """Return different labels in order: as numbers where all are, else as text.

    >>> class_order(["10", "9"]), class_order(["b", "10"])
    (['9', '10'], ['10', 'b'])
    """
    different = sorted(set(labels))
    try:
        values = {label: float(label) for label in different}
    except ValueError:
        return different
    finite = all(map(math.isfinite, values.values()))
    return sorted(different, key=values.__getitem__) if finite else different


def alike(labels: Sequence[str]) -> list[list[str]]:
    """Return labels that differ by capitals, blanks, encoding or zeros before a number alone."""
    groups: dict[str, list[str]] = {}
    for label in labels:
        plain = "".join(unicodedata.normalize("NFKC", label).casefold().split())
        with contextlib.suppress(ValueError):
            plain = f"{float(plain):g}"
        groups.setdefault(plain, []).append(label)
    return [group for group in groups.values() if len(group) > 1]
