"""From the rows of a table to runs: one result each, with the seed and how it ended."""

from __future__ import annotations

import dataclasses
import re
import shlex
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.judging.settings import differing_settings
from darkmagic.checklist.judging.tables.columns import Columns, names_a_run
from darkmagic.checklist.judging.tables.numbers import Column, Reading, read_column
from darkmagic.checklist.judging.tables.table import NONE, RunTable, label
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.records import Status

__all__ = ["JudgedRun", "find_runs", "read_metric"]

ENDINGS = {
    Status.FINISHED: r"finish|complet|success|succeed|done|ok|passed|pass|ended",
    Status.RUNNING: r"running|pending|waiting|queued|scheduled|submitted|active|starting",
    Status.FAILED: r"fail|crash|error|kill|abort|cancel|oom|time.?out|preempt|prun|diverg|stopp?ed"
    r"|interrupt|dead|lost|nan",
}
MAX_NAMED = 3
SMALLEST, LARGEST = 1e-100, 1e100
MAX_RUNS, MAX_TRIALS = 10_000, 500
"""That are compared: of more, a column was most often taken for another, and it takes minutes."""


@dataclass(frozen=True)
class JudgedRun:
    """A run from `place`: `names` are its values of the trials' columns. One that `stands_in` has a
    value made from a mean and a spread, which is of no run.
    """

    place: str
    names: tuple[str, ...]
    seed: str | None
    reading: Reading
    status: Status
    reason: str = ""
    stands_in: bool = False


def read_metric(table: RunTable, columns: Columns, decimal: str | None) -> Column:
    """Return the numbers of the metric's column."""
    places = [table.place(row) for row in range(len(table.rows))]
    found = read_column(columns.metric, table.column(columns.metric), places, decimal)
    largest = max((abs(r.value) for r in found.readings if r.value is not None), default=0.0)
    if largest and not SMALLEST < largest < LARGEST:
        raise UserError(
            f"column {columns.metric!r} has numbers of the size of {largest:.0e}, whose squares no "
            "double can hold: give them in another unit"
        )
    return found


def find_runs(
    table: RunTable, columns: Columns, metric: Metric, take: str, decimal: str | None = None
) -> tuple[list[JudgedRun], list[str]]:
    """Return the runs of `table` that ended, and notes on what was left out.

    Of several rows of one run, by `columns.step`, the last counts or the best, as `take` says.
    Raises `UserError` for two results of one trial and seed.
    """
    rows = [row for row, cells in enumerate(table.rows) if any(label(c) != NONE for c in cells)]
    if not rows:
        raise UserError(f"{table.source} has no runs")
    table = table.keep(rows)
    readings = read_metric(table, columns, decimal).readings
    notes: list[str] = []
    if take == "best" and columns.step is None:
        raise UserError(
            f"--take best needs a row an epoch, and {table.source} has one a run; say --step where "
            "there is a column of epochs"
        )
    if columns.step is not None:
        chosen = _at_the_end(table, columns, readings, metric, take)
        table, readings = table.keep(chosen), tuple(readings[row] for row in chosen)
    runs = list(_runs(table, columns, readings))
    running = [run for run in runs if run.status is Status.RUNNING]
    if running:
        notes.append(f"{_count(running)} not ended and left out: {_places(running)}.")
    runs = [run for run in runs if run.status is not Status.RUNNING]
    if not runs:
        raise UserError(f"{table.source} has no run that has ended")
    if columns.seed is not None:
        runs, repeated = _without_repeats(table, runs, columns)
        if repeated:
            notes.append(f"{_count(repeated)} there twice and counted once: {_places(repeated)}.")
    _check_size(table, columns, runs)
    return runs, notes


def _check_size(table: RunTable, columns: Columns, runs: Sequence[JudgedRun]) -> None:
    """Raise `UserError` where there are more runs or trials than can be compared."""
    names, trials = ", ".join(columns.trials), len({run.names for run in runs})
    if trials > MAX_TRIALS:
        raise UserError(
            f"{table.source} has {trials:,} different trials by {names}; up to {MAX_TRIALS} are "
            "compared: say --trial and the column that says what was changed, or leave rows out"
        )
    if len(runs) > MAX_RUNS:
        raise UserError(
            f"{table.source} has {len(runs):,} runs of {names}; up to {MAX_RUNS:,} are compared: "
            "say --step and the column of epochs where a row is one, or leave rows out"
        )


def _runs(table: RunTable, columns: Columns, readings: Sequence[Reading]) -> Iterator[JudgedRun]:
    trials = [table.column(name) for name in columns.trials]
    blocks = [(name, table.column(name)) for name in columns.blocks]
    states = table.column(columns.status) if columns.status else None
    for row, reading in enumerate(readings):
        place = table.place(row)
        for name, cells in blocks:
            if label(cells[row]) == NONE:
                raise UserError(
                    f"{place} has no seed in column {name!r}: fill it in, or say --seed none "
                    "to compare the runs without pairing them"
                )
        seed = " of ".join(label(cells[row]) for _, cells in reversed(blocks)) or None
        status, reason = Status.FINISHED, ""
        if states is not None:
            status, reason = _status(place, str(columns.status), label(states[row]))
        if status is Status.FINISHED and reading.value is None:
            is_nan = reading.failure.lower().lstrip("+-") in ("nan", "inf", "infinity")
            status = Status.DIVERGED if is_nan else Status.FAILED
            reason = f"{columns.metric} {reading.failure or 'empty'}"
        names = tuple(label(column[row]) for column in trials)
        yield JudgedRun(place, names, seed, reading, status, reason)


def _status(place: str, column: str, text: str) -> tuple[Status, str]:
    """Return the status that a word such as `crashed` stands for, with the word where it failed."""
    word = text.rpartition(".")[2]  # TrialState.COMPLETE
    for status, pattern in ENDINGS.items():
        if re.match(pattern, word, re.IGNORECASE):
            return status, "" if status is Status.FINISHED else f"{column} {word}"
    if text == NONE:
        return Status.FINISHED, ""
    raise UserError(
        f"{place}: column {column!r} is {text!r}, which is no state of a run such as finished, "
        "failed, crashed or running; say --status none if it says nothing of how runs ended"
    )


def _at_the_end(
    table: RunTable, columns: Columns, readings: Sequence[Reading], metric: Metric, take: str
) -> list[int]:
    """Return the row of each run that counts, in the order of the runs."""
    assert columns.step is not None
    own = [*columns.trials, *columns.blocks]
    own += [c for c in table.columns if c not in own and names_a_run(c)]
    keys = list(zip(*([label(cell) for cell in table.column(name)] for name in own), strict=True))
    places = [table.place(row) for row in range(len(table.rows))]
    steps = read_column(columns.step, table.column(columns.step), places).readings
    found: dict[tuple[str, ...], dict[float, int]] = {}
    for row, (key, step) in enumerate(zip(keys, steps, strict=True)):
        if step.value is None:
            raise UserError(f"{places[row]} has no number in column {columns.step!r}")
        earlier = found.setdefault(key, {}).setdefault(step.value, row)
        if earlier != row:
            raise UserError(
                f"{places[earlier]} and {places[row]} both have {columns.step} {step.value:g} of "
                f"{', '.join(key)}: say which column tells the runs apart with --seed"
            )
    chosen = []
    for by_step in found.values():
        last = by_step[max(by_step)]
        values = {row: v for row in by_step.values() if (v := readings[row].value) is not None}
        if take == "best" and values and readings[last].value is not None:
            last = max(values, key=lambda row: metric.gain(values[row]))
        chosen.append(last)
    return sorted(chosen)


def _without_repeats(
    table: RunTable, runs: Sequence[JudgedRun], columns: Columns
) -> tuple[list[JudgedRun], list[JudgedRun]]:
    """Return one run for each trial and seed, and those that are the same again."""
    found: dict[tuple[object, ...], JudgedRun] = {}
    repeated = []
    for run in runs:
        first = found.setdefault((run.names, run.seed), run)
        if first is run:
            continue
        if (first.reading, first.status) != (run.reading, run.status):
            raise UserError(_two_results(table, columns, first, run))
        repeated.append(run)
    return list(found.values()), repeated


def _two_results(table: RunTable, columns: Columns, first: JudgedRun, second: JudgedRun) -> str:
    """Return what to do about two results of one trial and seed."""
    text = (
        f"{first.place} and {second.place} are both seed {first.seed} of "
        f"{', '.join(first.names)}, with different results"
    )
    differing = differing_settings(table, columns, (first.place, second.place))[:5]
    if differing:
        trials = " ".join(f"--trial {shlex.quote(c)}" for c in (*columns.trials, *differing))
        text += f", and differ in {', '.join(differing)}: say {trials} if that was tried too; else"
    else:
        text += ":"
    text += " remove one, or say --seed none to compare the runs without pairing them"
    return text + ("" if columns.step else "; --step COLUMN where they are epochs of one run")


def seed_numbers(runs: Sequence[JudgedRun]) -> Mapping[str, int]:
    """Return a number for each seed: its own where all are whole numbers."""
    seeds = list(dict.fromkeys(run.seed for run in runs if run.seed is not None))
    if all(re.fullmatch(r"\d{1,9}", seed) for seed in seeds):
        return {seed: int(seed) for seed in seeds}
    return {seed: number for number, seed in enumerate(sorted(seeds))}


def unpaired(runs: Sequence[JudgedRun]) -> list[JudgedRun]:
    """Return the runs with a seed of their own each, so that no two are compared in pairs."""
    return [dataclasses.replace(run, seed=str(number)) for number, run in enumerate(runs)]


def _count(runs: Sequence[JudgedRun]) -> str:
    return f"{len(runs)} runs are" if len(runs) != 1 else "1 run is"


def _places(runs: Sequence[JudgedRun]) -> str:
    named = [run.place for run in runs[:MAX_NAMED]]
    return ", ".join(named) + (
        f" and {len(runs) - MAX_NAMED} more" if len(runs) > MAX_NAMED else ""
    )
