"""A table of runs as its source gives it, before anybody says what its columns mean."""

from __future__ import annotations

import dataclasses
import hashlib
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from darkmagic.checklist.errors import UserError, nearest

__all__ = ["NONE", "Cell", "RunTable", "label"]

Cell = str | float | bool | None
"""Text as it was written, a number, a truth value, or nothing."""

NONE = "(none)"
"""The name of an empty cell among the values of a column."""
MAX_TEXT = 300
"""Characters of the longest text that is shown as it is: a name, or what was set."""
SHOWN = 60
"""Characters that are shown of a longer one."""


@dataclass(frozen=True)
class RunTable:
    """Runs of `source`, a row each. `places` say where each row is from, such as `line 3`.

    `known` has what the source itself says of columns, by role: `metric`, `seed`, `status`, `step`
    or `trial`; and as `direction of x` whether column x is better at its `max` or `min`.
    `settings` are the columns that were set, not measured, where the source tells. `notes` are
    what a reader must know of how it was read.

    >>> table = RunTable("runs.csv", ("name", "acc"), (("base", "0.9"), ("mixup", "0.91")))
    >>> table.column("acc")
    ['0.9', '0.91']
    """

    source: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    places: tuple[str, ...] = ()
    known: Mapping[str, str] = field(default_factory=dict)
    settings: tuple[str, ...] | None = None
    notes: tuple[str, ...] = ()

    def find(self, name: str, option: str) -> str:
        """Return the column that `name` means; raise `UserError` with the nearest names.

        Capitals and the part before a last dot or slash may be left out where that is clear:
        `lr` for `config.lr`. `option` says in the message who asked.
        """
        if name in self.columns:
            return name
        alike = [c for c in self.columns if c.strip().lower() == name.strip().lower()]
        if len(alike) != 1:
            alike = [c for c in self.columns if last_part(c) == name.strip().lower()]
        if len(alike) == 1:
            return alike[0]
        raise UserError(
            f"{option}: {self.source} has no column {name!r}; " + nearest(name, self.columns)
        )

    def column(self, name: str) -> list[Cell]:
        """Return the cells of a column, in the order of the rows."""
        index = self.columns.index(name)
        return [row[index] for row in self.rows]

    def place(self, row: int) -> str:
        """Return where a row is from."""
        return self.places[row] if self.places else f"row {row + 1}"

    def shortened(self) -> RunTable:
        """Return the table with what is too long for a name cut, and told apart by its hash.

        >>> [cell] = RunTable("runs.csv", ("log",), (("ab" * 999,),)).shortened().column("log")
        >>> cell[:4], cell[SHOWN:]
        ('abab', '... (1,998 characters, 0b326647)')
        """
        rows = (row if all(map(_is_short, row)) else tuple(map(_shorten, row)) for row in self.rows)
        columns = {column: str(_shorten(column)) for column in self.columns}
        return dataclasses.replace(
            self,
            columns=tuple(columns.values()),
            rows=tuple(rows),
            known={key: columns.get(name, name) for key, name in self.known.items()},
            settings=self.settings and tuple(columns[name] for name in self.settings),
        )

    def keep(self, rows: Sequence[int]) -> RunTable:
        """Return the table with the rows at these indices alone."""
        return dataclasses.replace(
            self,
            rows=tuple(self.rows[row] for row in rows),
            places=tuple(self.place(row) for row in rows),
        )


def _is_short(cell: Cell) -> bool:
    return not isinstance(cell, str) or len(cell) <= MAX_TEXT


def _shorten(cell: Cell) -> Cell:
    if not isinstance(cell, str) or len(cell) <= MAX_TEXT:
        return cell
    digest = hashlib.sha256(cell.encode(errors="surrogatepass")).hexdigest()[:8]
    return f"{cell[:SHOWN].strip()}... ({len(cell):,} characters, {digest})"


def last_part(column: str) -> str:
    """Return the last part of a column's name: `lr` of `config.optim.lr`, `train/lr`, `params.lr`.

    >>> last_part("config.optim.LR"), last_part("val/acc"), last_part("seed")
    ('lr', 'acc', 'seed')
    """
    return column.strip().lower().replace("/", ".").rpartition(".")[2]


def label(cell: Cell) -> str:
    """Return the name that a cell gives to a trial or to an option.

    >>> label(" relu "), label(None), label(0.1), label(3.0), label(True)
    ('relu', '(none)', '0.1', '3', 'True')
    """
    if cell is None or (isinstance(cell, float) and math.isnan(cell)):
        return NONE
    if isinstance(cell, bool | str):
        return " ".join(str(cell).split()) or NONE
    return f"{cell:.15g}"
