"""Names of runs that have trial and seed in them: `mixup/seed_0`, `mixup-s1`, `mixup_run2`."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

from darkmagic.checklist.judging.tables.names import TRIALS
from darkmagic.checklist.judging.tables.question import Question
from darkmagic.checklist.judging.tables.table import RunTable, label, last_part

__all__ = ["split_names"]

NAMED = re.compile(
    r"(?P<trial>.+?)[\s/_.,:-]*(?<![a-z])(?P<kind>seed|s|fold|rep|run|version|v)[\s=_:-]*(?P<number>\d+)",
    re.IGNORECASE,
)
NUMBERED = re.compile(r"(?P<trial>.+)[/_-](?P<kind>)(?P<number>\d{1,3})")
SEEDS = ("seed", "s", "fold", "rep")
"""What says that runs of one number belong together; others number the runs of a trial."""


def split_names(table: RunTable, question: Question) -> RunTable:
    """Return `table` with the columns `trial` and `seed` that the names of its runs are made of.

    Unchanged where names are no such, or where other columns say what was tried: those that were
    named, or that the source knows as settings.
    """
    column = _names(table, question)
    if column is None:
        return table
    names = list(map(label, table.column(column)))
    parts = _parts(list(dict.fromkeys(names)))
    if parts is None or (question.baseline is not None and question.baseline in names):
        return table
    paired = all(kind in SEEDS for _, kind, _ in parts.values())
    columns = ["trial", "seed"] if paired else ["trial"]
    if set(columns) & set(table.columns):
        return table
    example, (trial, _, number) = next(iter(parts.items()))
    known = {**table.known, "trial": "trial"} | ({"seed": "seed"} if paired else {})
    if all(kind == "fold" for _, kind, _ in parts.values()):
        known["fold"] = "seed"
    what = f"seed {number}" if paired else f"run {number}"
    return dataclasses.replace(
        table,
        columns=(*table.columns, *columns),
        rows=tuple(
            (*row, *[parts[name][0], parts[name][2]][: len(columns)])
            for row, name in zip(table.rows, names, strict=True)
        ),
        places=tuple(table.place(row) for row in range(len(table.rows))),
        known=known,
        notes=(*table.notes, f"Names were taken apart: {example} is {what} of {trial}."),
    )


def _names(table: RunTable, question: Question) -> str | None:
    """Return the column of names that may be taken apart."""
    if question.trials or question.seed or question.baseline_pairs(table.columns):
        return None
    own = table.known.get("trial")
    named = [c for word in TRIALS for c in table.columns if last_part(c) == word]
    column = own or next(iter(named), None)
    for other in table.settings or ():
        if other != column and len(set(map(label, table.column(other)))) > 1:
            return None
    return column


def _parts(names: Sequence[str]) -> dict[str, tuple[str, str, str]] | None:
    """Return trial, kind of number and number of each name; None unless all have them.

    Plain numbers count from 0 or 1 in each trial, or else they are of something else: a
    `resnet-18` is no run of `resnet`.
    """
    for pattern in (NAMED, NUMBERED):
        found = {name: pattern.fullmatch(name) for name in names}
        if not all(found.values()):
            continue
        parts = {n: (m["trial"], m["kind"].lower(), m["number"]) for n, m in found.items() if m}
        numbers: dict[str, set[int]] = {}
        for trial, _, number in parts.values():
            numbers.setdefault(trial, set()).add(int(number))
        counted = all(
            own in (set(range(len(own))), set(range(1, len(own) + 1))) for own in numbers.values()
        )
        if 1 < len(numbers) < len(names) and (pattern is NAMED or counted):
            return parts
    return None
