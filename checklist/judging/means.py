"""Tables of means: each row stands for runs of which the mean and the spread are known."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.judging.runs import JudgedRun
from darkmagic.checklist.judging.tables.columns import Columns
from darkmagic.checklist.judging.tables.numbers import Reading, read_column
from darkmagic.checklist.judging.tables.table import RunTable
from darkmagic.checklist.records import Status

__all__ = ["Mean", "find_means", "stand_ins"]

MAX_COUNT = 100_000


@dataclasses.dataclass(frozen=True)
class Mean:
    """A row of a table of means: `mean` and `sd` of `count` runs, from `run.place`."""

    run: JudgedRun
    mean: float
    sd: float
    count: int


def find_means(
    table: RunTable, columns: Columns, runs: Sequence[JudgedRun], decimal: str | None
) -> list[Mean]:
    """Return the rows of `table` that have a result, with spread and number of runs.

    Raises `UserError` for a row without them, and for two rows of one trial.
    """
    places = [table.place(row) for row in range(len(table.rows))]
    sds = _by_place(table, columns.sd, places, decimal)
    counts = _by_place(table, columns.count, places, decimal)
    found: dict[tuple[str, ...], Mean] = {}
    for run in runs:
        if run.status is not Status.FINISHED or run.reading.value is None:
            continue
        count = columns.count if isinstance(columns.count, int) else counts[run.place].value
        if count is None or count < 1 or count != int(count) or count > MAX_COUNT:
            raise UserError(
                f"{run.place}: {columns.count!r} is no number of runs of {run.names[0]}"
            )
        sd = sds[run.place].value if columns.sd else run.reading.sd
        if sd is None and count == 1:
            sd = 0.0
        if sd is None or sd < 0:
            raise UserError(
                f"{run.place}: {', '.join(run.names)} has no standard deviation of its "
                f"{count:g} runs"
            )
        mean = Mean(run, run.reading.value, sd, int(count))
        if found.setdefault(run.names, mean) is not mean:
            raise UserError(
                f"{found[run.names].run.place} and {run.place} are both means of "
                f"{', '.join(run.names)}: remove one"
            )
    return list(found.values())


def stand_ins(means: Sequence[Mean], runs: Sequence[JudgedRun]) -> list[JudgedRun]:
    """Return for each mean as many runs as it is of, whose mean and spread are exactly its own.

    What the comparison makes of runs that are not paired depends on nothing else. Their values
    are of no run, and no report shows them. `runs` without a mean stay as they are.
    """
    known = {id(mean.run): mean for mean in means}
    found = []
    for run in runs:
        mean = known.get(id(run))
        if mean is None:
            found.append(run)
            continue
        found += [
            dataclasses.replace(run, reading=Reading(value), stands_in=True)
            for value in _scores(mean)
        ]
    return found


def _scores(mean: Mean) -> list[float]:
    """Return normal scores with the mean's mean and standard deviation."""
    if mean.count == 1:
        return [mean.mean]
    normal = statistics.NormalDist()
    scores = [normal.inv_cdf((i + 0.5) / mean.count) for i in range(mean.count)]
    scale = mean.sd / statistics.stdev(scores)
    return [mean.mean + scale * score for score in scores]


def _by_place(
    table: RunTable, column: str | int | None, places: Sequence[str], decimal: str | None
) -> dict[str, Reading]:
    if not isinstance(column, str):
        return {}
    readings = read_column(column, table.column(column), places, decimal).readings
    return dict(zip(places, readings, strict=True))
