"""Which column is what: the metric, the trial or its factors, the seed, how runs ended."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.judging.tables.names import (
    COUNTS,
    FOLDS,
    MEANS,
    SDS,
    SEEDS,
    STATUSES,
    STEPS,
    UNIQUE,
    direction_of,
    says_direction,
)
from darkmagic.checklist.judging.tables.numbers import PLUS_MINUS, is_numeric, read_column
from darkmagic.checklist.judging.tables.question import Question
from darkmagic.checklist.judging.tables.table import RunTable, label, last_part
from darkmagic.checklist.judging.tables.trials import find_trials
from darkmagic.checklist.metric import Direction

__all__ = ["Columns", "find_columns", "guess_direction"]

MAX_LISTED = 12


@dataclass(frozen=True)
class Columns:
    """The columns of a table by what they are. `trials` are several where they are factors.

    `fold` says which part of one set of data a run was validated on: `seed` itself, where there is
    no other, or a column beside it, and runs are paired where both agree.
    `sd` and `count` are of a table of means: the column of standard deviations, None where they
    stand behind ± in the metric's, and that of the number of runs, or the number.
    """

    metric: str
    trials: tuple[str, ...]
    seed: str | None = None
    status: str | None = None
    step: str | None = None
    sd: str | None = None
    count: str | int | None = None
    fold: str | None = None

    @property
    def blocks(self) -> tuple[str, ...]:
        """The columns whose values pair runs."""
        return tuple(dict.fromkeys(c for c in (self.seed, self.fold) if c is not None))

    def sentences(self) -> list[str]:
        """Return what each column was taken for, a phrase each."""
        unpaired = "" if self.count is not None else "no seed: runs are not paired"
        found = [
            f"metric {self.metric}",
            f"{'factors' if len(self.trials) > 1 else 'trial'} {', '.join(self.trials)}",
            f"seed {self.seed}" if self.seed else unpaired,
            f"fold {self.fold}" if self.fold not in (None, self.seed) else "",
            f"status {self.status}" if self.status else "",
            f"step {self.step}" if self.step else "",
            f"standard deviation {self.sd}" if self.sd else "",
            f"runs {self.count}" if self.count is not None else "",
        ]
        return [text for text in found if text]


Means = tuple[str | None, str | int]
"""The column of standard deviations, and that of the number of runs, of a table of means."""


def find_columns(table: RunTable, question: Question) -> Columns:
    """Return what the columns of `table` are: those that were named, the others by a guess.

    Raises `UserError` where that is not clear.
    """
    means = _means(table, question)
    metric = _metric(table, question, means)
    if means is not None:
        taken = {metric, *(c for c in means if isinstance(c, str))}
        status = _named(table, question.status, "--status", "status", lambda: None)
        return Columns(metric, find_trials(table, question, taken), None, status, None, *means)
    seed = _named(table, question.seed, "--seed", "seed", lambda: _seed(table, metric))
    fold = None if seed is None else _fold(table, metric, seed)
    if seed == fold and seed is not None and (other := _seed(table, metric, but=seed)):
        seed = other
    status = _named(table, question.status, "--status", "status", lambda: _status(table))
    taken = {c for c in (metric, seed, fold, status) if c is not None}
    steps = [c for word in STEPS for c in table.columns if last_part(c) == word and c not in taken]
    trials = find_trials(table, question, taken | set(steps))
    own = [*trials, *(c for c in (seed, fold) if c is not None)]
    step = _named(table, question.step, "--step", "step", lambda: _history(table, own, steps))
    return Columns(metric, trials, seed, status, step, fold=fold)


def guess_direction(table: RunTable, question: Question, metric: str) -> Direction:
    """Return which way the metric is better: as asked, as the source says, or by its name."""
    said = question.direction or table.known.get(f"direction of {metric}")
    return direction_of(metric) if said is None else Direction.parse(said)


def _means(table: RunTable, question: Question) -> Means | None:
    """Return the columns of a table of means; None of a table of runs."""
    sd = table.find(question.sd, "--sd") if question.sd else None
    count = question.count
    if count is None:
        count = _by_pattern(table, COUNTS)
    else:
        count = int(count) if str(count).isdecimal() else table.find(str(count), "--n")
    mean = question.metric or _by_pattern(table, MEANS)
    if sd is None and mean is not None and count is not None:
        sd = _sd_of(table, mean)
    if sd is None and not _has_plus_minus(table, question):
        if question.count is not None:
            raise UserError(
                f"--n {question.count}, but {table.source} has no standard deviations: name their "
                "column with --sd, or leave --n out where each row is a run"
            )
        return None
    if count is None:
        raise UserError(
            f"{table.source} has means with standard deviations; of how many runs is each? Say --n "
            "and a number, or a column"
        )
    return sd, count


def _sd_of(table: RunTable, mean: str) -> str | None:
    """Return the column of standard deviations whose name is most like that of `mean`."""
    found = [c for c in table.columns if SDS.search(c.strip().lower())]
    found = [c for c in found if is_numeric(table.column(c))]
    words = set(re.findall(r"\w+", mean.lower())) - {"mean", "average", "avg", "of"}
    return max(found, key=lambda c: len(words & set(re.findall(r"\w+", c.lower()))), default=None)


def _has_plus_minus(table: RunTable, question: Question) -> bool:
    if question.metric is None:
        return False
    cells = table.column(table.find(question.metric, "--metric"))
    return any(isinstance(cell, str) and PLUS_MINUS.search(cell) for cell in cells)


def _by_pattern(table: RunTable, pattern: re.Pattern[str]) -> str | None:
    found = [c for c in table.columns if pattern.search(c.strip().lower())]
    return next((c for c in found if is_numeric(table.column(c))), None)


def _metric(table: RunTable, question: Question, means: Means | None) -> str:
    if question.metric is not None:
        return table.find(question.metric, "--metric")
    if "metric" in table.known:
        return table.known["metric"]
    if means and (mean := _by_pattern(table, MEANS)):
        return mean
    numeric = [c for c in table.columns if _may_decide(table, c) and c not in (means or ())]
    telling = [c for c in numeric if says_direction(last_part(c))]
    for found in (numeric, telling):
        if len(found) == 1:
            return found[0]
    if not numeric:
        _explain(table, question)
        raise UserError(
            f"{table.source} has no column of numbers to judge by; its columns are "
            + listed(table.columns)
        )
    raise UserError(
        f"which column of {table.source} decides? Say --metric and one of " + listed(numeric)
    )


def _explain(table: RunTable, question: Question) -> None:
    """Raise the error of a column that would decide, were all of its cells numbers."""
    places = [table.place(row) for row in range(len(table.rows))]
    for column in table.columns:
        cells = table.column(column)
        if says_direction(last_part(column)) and any(is_numeric([cell]) for cell in cells):
            read_column(column, cells, places, question.decimal)


def _may_decide(table: RunTable, column: str) -> bool:
    """Whether a column has numbers that no name of it explains otherwise."""
    name = last_part(column)
    if column in (table.settings or ()) or name in STEPS or SEEDS.fullmatch(name):
        return False
    return not UNIQUE.fullmatch(name) and is_numeric(table.column(column))


def _named(
    table: RunTable, asked: str | None, option: str, role: str, guess: Callable[[], str | None]
) -> str | None:
    """Return the column that was asked for, or that the source knows, or the guess."""
    if asked is not None:
        is_none = asked.lower() == "none" and asked not in table.columns
        return None if is_none else table.find(asked, option)
    return table.known[role] if role in table.known else guess()


def _fold(table: RunTable, metric: str, seed: str) -> str | None:
    """Return the column of folds: that of the seeds, if it is one, or another."""
    if "fold" in table.known:
        return table.known["fold"]
    named = [c for c in (seed, *table.columns) if FOLDS.fullmatch(last_part(c)) and c != metric]
    return next((c for c in named if len(set(map(label, table.column(c)))) > 1), None)


def _seed(table: RunTable, metric: str, but: str | None = None) -> str | None:
    found = [c for c in table.columns if SEEDS.fullmatch(last_part(c)) and c not in (metric, but)]
    found = [c for c in found if len(set(map(label, table.column(c)))) > 1]
    return min(found, key=lambda c: (last_part(c) != "seed", len(c)), default=None)


def _status(table: RunTable) -> str | None:
    return next((c for c in table.columns if last_part(c) in STATUSES), None)


def _history(table: RunTable, own: Sequence[str], steps: Sequence[str]) -> str | None:
    """Return the column of epochs of a table with a row an epoch; None where a row is a run.

    The epoch that a run ended with is a column of such a name too. A history is told by its runs
    having several rows and mostly the same epochs.
    """
    for step in steps:
        epochs: dict[tuple[str, ...], set[str]] = {}
        names = [*own, *(c for c in table.columns if c not in own and names_a_run(c))]
        keys = zip(*(map(label, table.column(name)) for name in names), strict=True)
        for key, cell in zip(keys, table.column(step), strict=True):
            epochs.setdefault(key, set()).add(label(cell))
        every, rows = set().union(*epochs.values()), len(table.rows)
        one_each = rows == sum(map(len, epochs.values()))
        if one_each and rows > len(epochs) and 2 * rows > len(every) * len(epochs):
            return step
    return None


def names_a_run(column: str) -> bool:
    """Whether a column of that name tells one run from another."""
    return bool(re.fullmatch(r"(run)?_?(id|uuid)|run|run_name", last_part(column)))


def listed(columns: Sequence[str]) -> str:
    """Return the first of `columns`, with commas between."""
    return ", ".join(columns[:MAX_LISTED]) + (", ..." if len(columns) > MAX_LISTED else "")
