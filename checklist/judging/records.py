"""From judged runs to a checklist and the records of its trials."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.judging.runs import JudgedRun, seed_numbers, unpaired
from darkmagic.checklist.judging.tables.columns import Columns
from darkmagic.checklist.judging.tables.names import baseline_names
from darkmagic.checklist.judging.tables.question import Question
from darkmagic.checklist.judging.tables.table import RunTable
from darkmagic.checklist.model import BASELINE, SCREEN, Checklist, Trick
from darkmagic.checklist.plan import COMBINATION
from darkmagic.checklist.records import TrialRecord

__all__ = ["Judged", "find_baseline", "make_records"]

PLAIN = re.compile(
    r"[+-]?\d*\.?\d+(e[+-]?\d+)?|on|off|yes|no|true|false|none|\(none\)|x|", re.IGNORECASE
)
"""Values that say nothing without the name of their column."""


@dataclass(frozen=True)
class Judged:
    """What is compared: `baseline` maps the trials' columns to the baseline's values."""

    checklist: Checklist
    records: tuple[TrialRecord, ...]
    baseline: Mapping[str, str]


def find_baseline(
    table: RunTable, columns: Columns, question: Question, runs: Sequence[JudgedRun]
) -> dict[str, str]:
    """Return the baseline's value of each of the trials' columns; raise `UserError` with the
    nearest values where there is no such run.
    """
    levels = {
        column: list(dict.fromkeys(run.names[index] for run in runs))
        for index, column in enumerate(columns.trials)
    }
    pairs = question.baseline_pairs(table.columns)
    if pairs:
        asked = {table.find(name, "--baseline"): value for name, value in pairs}
        extra = [name for name in asked if name not in columns.trials]
        if extra:
            raise UserError(
                f"--baseline names column {extra[0]!r}, which is no trial's column here; those are "
                + ", ".join(columns.trials)
            )
        missing = [name for name in columns.trials if name not in asked]
        if missing:
            raise UserError(
                f"--baseline says nothing of {', '.join(missing)}: write it as "
                + ",".join(f"{name}={levels[name][0]}" for name in columns.trials)
            )
    elif len(columns.trials) > 1:
        example = ",".join(f"{name}={levels[name][0]}" for name in columns.trials)
        raise UserError(
            "which run is the baseline? Say --baseline with a value of each factor, such as "
            f"{example}"
        )
    else:
        [column] = columns.trials
        asked = {column: question.baseline or _guess(table, column, levels[column])}
    return {name: _level(name, levels[name], value) for name, value in asked.items()}


def _guess(table: RunTable, column: str, levels: Sequence[str]) -> str:
    found = baseline_names(levels)
    if len(found) == 1:
        return found[0]
    shown = ", ".join(levels[:8]) + (", ..." if len(levels) > 8 else "")
    raise UserError(
        f"which trial of {table.source} is the baseline? Say --baseline and a value of column "
        f"{column!r}: {shown}"
    )


def _level(column: str, levels: Sequence[str], value: str) -> str:
    if value in levels:
        return value
    alike = [level for level in levels if level.lower() == value.strip().lower()]
    alike = alike or [level for level in levels if _is_same_number(level, value)]
    if len(alike) == 1:
        return alike[0]
    raise UserError(f"--baseline: column {column!r} has no {value!r}; " + nearest(value, levels))


def _is_same_number(level: str, value: str) -> bool:
    """Whether two texts are one number, as 0.0 and 0, or 1e-3 and 0.001."""
    try:
        return float(level) == float(value)
    except ValueError:
        return False


def make_records(
    columns: Columns, runs: Sequence[JudgedRun], baseline: Mapping[str, str]
) -> Judged:
    """Return the checklist that `runs` try, and their records.

    Runs that differ from the baseline in one column at most are trials of one change each. Where
    some differ in more, each is a trial of a screen, and options are averaged over the others.
    """
    if columns.seed is None:
        runs = unpaired(runs)
    numbers = seed_numbers(runs)
    names = _trick_names(columns, runs, baseline)
    first = tuple(baseline[column] for column in columns.trials)
    changed = [
        [i for i, (a, b) in enumerate(zip(run.names, first, strict=True)) if a != b] for run in runs
    ]
    mixed = any(len(change) > 1 for change in changed)
    if not mixed and [] not in changed:
        raise UserError("no run has " + ", ".join(f"{k}={v}" for k, v in baseline.items()))
    combinations = list(dict.fromkeys(run.names for run in runs))
    records = []
    for run, change in zip(runs, changed, strict=True):
        trick = option = None
        choices: dict[str, str] = {}
        if mixed:
            choices = dict(zip(names, run.names, strict=True))
        if mixed and change:
            trick, option = SCREEN, f"{combinations.index(run.names):02d}"
        elif change:
            trick, option = names[change[0]], run.names[change[0]]
        records.append(
            TrialRecord(
                trick,
                option,
                "",
                0 if mixed and columns.seed is None else numbers[str(run.seed)],
                run.status,
                reason=run.reason,
                value=run.reading.value,
                stands_in=run.stands_in,
                choices=choices,
            )
        )
    tricks = []
    for index, name in enumerate(names):
        levels = dict.fromkeys([first[index], *(run.names[index] for run in runs)])
        tricks.append(Trick(name, "", tuple(levels)))
    return Judged(Checklist("judged", tuple(tricks)), tuple(records), baseline)


def _trick_names(
    columns: Columns, runs: Sequence[JudgedRun], baseline: Mapping[str, str]
) -> list[str]:
    """Return what each column is called in a trial's name; empty where its name says nothing."""
    if len(columns.trials) == 1:
        [column] = columns.trials
        values = {run.names[0] for run in runs} - {baseline[column]}
        if BASELINE not in values and not any(PLAIN.fullmatch(value) for value in values):
            return [""]
    lasts = [column.replace("/", ".").rpartition(".")[2] for column in columns.trials]
    names = list(lasts if len(set(lasts)) == len(lasts) else columns.trials)
    return [f"{name} (column)" if name in (SCREEN, COMBINATION) else name for name in names]
