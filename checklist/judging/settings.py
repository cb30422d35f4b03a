"""Which columns tell that runs of one trial were not made alike."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from darkmagic.checklist.judging.tables.columns import Columns, names_a_run
from darkmagic.checklist.judging.tables.names import SEEDS, STEPS, UNIQUE, says_direction
from darkmagic.checklist.judging.tables.numbers import is_numeric
from darkmagic.checklist.judging.tables.table import RunTable, label, last_part

__all__ = ["differing_settings"]


def differing_settings(
    table: RunTable, columns: Columns, places: Collection[str] | None = None
) -> list[str]:
    """Return the columns whose values differ between runs of one trial, where few do.

    They are settings that no name of a trial tells: a comparison that they are not part of. Where
    the source does not tell what was set, it is told by the values. With `places` only those runs
    are looked at.
    """
    taken = {columns.metric, columns.status, columns.step, columns.sd, columns.count}
    taken |= set(columns.blocks)
    named = list(zip(*(map(label, table.column(name)) for name in columns.trials), strict=True))
    looked = [r for r in range(len(table.rows)) if places is None or table.place(r) in places]
    found = []
    for column in table.columns if table.settings is None else table.settings:
        name = last_part(column)
        if column in taken or column in columns.trials or UNIQUE.fullmatch(name):
            continue
        labels = list(map(label, table.column(column)))
        if table.settings is None and not _looks_set(table, column, named, labels):
            continue
        values: dict[tuple[str, ...], set[str]] = {}
        for row in looked:
            values.setdefault(named[row], set()).add(labels[row])
        if any(len(own) > 1 for own in values.values()):
            found.append(column)
    return found


def _looks_set(
    table: RunTable, column: str, named: Sequence[tuple[str, ...]], labels: Sequence[str]
) -> bool:
    """Whether a column has values that somebody chose: few, and none that was measured.

    Text is chosen where it comes again. Numbers may be another result, such as the best epoch:
    they are chosen where each trial was run with the same ones, as often.
    """
    name = last_part(column)
    if says_direction(name) or name in STEPS or SEEDS.fullmatch(name) or names_a_run(column):
        return False
    if 2 * len(set(labels)) > len(labels):
        return False
    if not is_numeric(table.column(column)):
        return True
    of_trial: dict[tuple[str, ...], list[str]] = {}
    for names, value in zip(named, labels, strict=True):
        of_trial.setdefault(names, []).append(value)
    return len({tuple(sorted(own)) for own in of_trial.values()}) == 1
