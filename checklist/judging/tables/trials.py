"""Which columns say what was tried."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.judging.tables.names import TRIALS, UNIQUE, baseline_names
from darkmagic.checklist.judging.tables.numbers import is_numeric
from darkmagic.checklist.judging.tables.question import Question
from darkmagic.checklist.judging.tables.table import RunTable, label, last_part

__all__ = ["find_trials"]

Levels = Mapping[str, Sequence[str]]
"""The values of each column that may be the trials', in the order of the rows."""


def find_trials(table: RunTable, question: Question, taken: set[str]) -> tuple[str, ...]:
    """Return the columns that say what was tried; several are factors that change together.

    Those that were named; else the one that has the baseline among its values, or something that
    people call a baseline, or a name as such columns have. Raises `UserError` where that is not
    clear. `taken` are columns that are something else.
    """
    if question.trials:
        return tuple(dict.fromkeys(table.find(name, "--trial") for name in question.trials))
    pairs = question.baseline_pairs(table.columns)
    if pairs:
        return tuple(dict.fromkeys(table.find(name, "--baseline") for name, _ in pairs))
    if "trial" in table.known:
        return (table.known["trial"],)
    levels = {c: tuple(dict.fromkeys(map(label, table.column(c)))) for c in table.columns}
    free = {c: levels[c] for c in table.columns if c not in taken and len(levels[c]) > 1}
    found = _by_value(table, question, free) or _by_name(table, free)
    if found is None:
        candidates = [c for c in free if not UNIQUE.fullmatch(last_part(c))]
        shown = ", ".join((candidates or table.columns)[:12])
        raise UserError(
            f"which column of {table.source} says what was changed? Say --trial and one of "
            f"{shown}; several --trial are factors that change together"
        )
    return (found,)


def _by_value(table: RunTable, question: Question, free: Levels) -> str | None:
    """Return the one column that has the baseline among its values."""
    asked = question.baseline
    if asked is None:
        named = [column for column, values in free.items() if baseline_names(values)]
        return named[0] if len(named) == 1 else _by_name(table, {c: free[c] for c in named})
    having = {
        c: values
        for c, values in free.items()
        if any(value.lower() == asked.strip().lower() for value in values)
    }
    if not having:
        texts = {c: v for c, v in free.items() if not is_numeric(table.column(c))}
        if _by_name(table, texts) is None:
            every = {value for values in texts.values() for value in values}
            raise UserError(f"{table.source} has no {asked!r}; " + nearest(asked, every))
        return None
    return next(iter(having)) if len(having) == 1 else _by_name(table, having)


def _by_name(table: RunTable, free: Levels) -> str | None:
    """Return the column whose name says so, else the only one that can be meant."""
    for word in TRIALS:
        for column in free:
            if last_part(column) == word or column.lower() == word:
                return column
    settings = [c for c in free if table.settings is not None and c in table.settings]
    candidates = [c for c in free if not UNIQUE.fullmatch(last_part(c))]
    repeated = [c for c in candidates if len(free[c]) < len(table.rows)]
    texts = [c for c in candidates if not is_numeric(table.column(c))]
    for found in (settings, repeated, texts):
        if len(found) == 1:
            return found[0]
    return None
