"""A table of runs as its source gives it, before anybody says what its columns mean."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from darkmagic.checklist.errors import UserError, nearest

__all__ = ["NONE", "Cell", "RunTable", "label"]

Cell = str | float | bool | None
"""Text as it was written, a number, a truth value, or nothing."""

NONE = "(none)"
"""The name of an empty cell among the values of a column."""


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

    def keep(self, rows: Sequence[int]) -> RunTable:
        """Return the table with the rows at these indices alone."""
        import dataclasses

        return dataclasses.replace(
            self,
            rows=tuple(self.rows[row] for row in rows),
            places=tuple(self.place(row) for row in rows),
        )


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
