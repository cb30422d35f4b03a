"""The verdicts on a table of runs, and their report."""

from __future__ import annotations

import dataclasses
import math
import shlex
import statistics
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.judging.expect import Expectation, misses
from darkmagic.checklist.judging.means import Mean, find_means, stand_ins
from darkmagic.checklist.judging.records import find_baseline, make_records
from darkmagic.checklist.judging.runs import JudgedRun, find_runs, read_metric
from darkmagic.checklist.judging.settings import differing_settings
from darkmagic.checklist.judging.suspicions import disagreements, narrow_spreads, spreads_of
from darkmagic.checklist.judging.tables.columns import Columns, find_columns, guess_direction
from darkmagic.checklist.judging.tables.numbers import Column
from darkmagic.checklist.judging.tables.question import Question
from darkmagic.checklist.judging.tables.split import split_names
from darkmagic.checklist.judging.tables.table import RunTable, label
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.records import Status
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.write import write_report

__all__ = ["Judgement", "judge_table", "with_decimals"]


@dataclass(frozen=True)
class Judgement:
    """Verdicts on runs. `columns` are what the table's were taken for, `baseline` maps the trials'
    columns to the baseline's values.

    >>> rows = [(n, a) for n, accs in {"base": "123", "new": "789"}.items() for a in accs]
    >>> table = RunTable("runs.csv", ("name", "score"), tuple(rows))
    >>> found = judge_table(table, Question())
    >>> found.verdicts, found.meets("no-worse")
    ({'new': 'better'}, True)
    """

    report: Report
    columns: Columns
    baseline: Mapping[str, str]

    @property
    def verdicts(self) -> dict[str, str]:
        """The verdict on each trial, by its name."""
        return {row.name: row.verdict.value for row in self.report.comparison.tricks}

    def meets(self, expectation: str, trials: Sequence[str] = ()) -> bool:
        """Whether the verdicts are as expected: of all trials, or of `trials` alone.

        Raises `UserError` for an expectation or a trial that there is not.
        """
        return not misses(self.report.comparison, Expectation.parse(expectation), trials)

    def _repr_markdown_(self) -> str:
        """Return the report as a notebook shows it."""
        return write_report(self.report, "md")


def judge_table(table: RunTable, question: Question) -> Judgement:
    """Return the verdicts on the runs of `table`.

    Raises `UserError`, with what to say, where the table or the question is not clear.
    """
    table = split_names(table.shortened(), question)
    columns = find_columns(table, question)
    numbers = read_metric(table, columns, question.decimal)
    metric = _metric(table, question, columns, numbers)
    runs, notes = find_runs(table, columns, metric, question.take, question.decimal)
    baseline = find_baseline(table, columns, question, runs)
    means: list[Mean] = []
    if columns.count is not None:
        means = find_means(table, columns, runs, question.decimal)
        runs = stand_ins(means, runs)
    spreads = spreads_of(runs, means)
    metric = _with_decimals(metric, runs, [sd for sd, _ in spreads.values()])
    notes += [*disagreements(table, means, metric), *narrow_spreads(spreads, metric)]
    judged = make_records(columns, runs, baseline)
    if not any(record.status is Status.FINISHED for record in judged.records):
        raise UserError(f"{table.source}: no run has a number in column {columns.metric!r}")
    folds = len(set(map(label, table.column(columns.fold)))) if columns.fold else 0
    overlap = 1 / (folds - 1) if folds else 0.0
    rules = Rules(min_effect=question.min_effect, metric=metric, overlap=overlap)
    comparison = compare(judged.checklist, judged.records, rules)
    if not comparison.tricks:
        raise UserError(
            f"{table.source} has runs of the baseline alone ("
            + ", ".join(f"{k}={v}" for k, v in baseline.items())
            + "): there is nothing to compare it with"
        )
    report = Report(
        title=f"{table.source}: what differs from the baseline",
        comparison=comparison,
        facts={
            "source": table.source,
            "taken for": "; ".join(columns.sentences()),
            "baseline": ", ".join(f"{k}={v}" for k, v in baseline.items()),
            "better": "higher" if metric.sign > 0 else "lower",
        },
        overrides=None,
        remarks=(*table.notes, *notes, *_remarks(table, columns, runs)),
    )
    return Judgement(report, columns, baseline)


def _metric(table: RunTable, question: Question, columns: Columns, numbers: Column) -> Metric:
    name = columns.metric
    unit = question.unit if question.unit is not None else numbers.unit
    direction = guess_direction(table, question, name)
    return Metric(name, unit=unit, direction=direction, step=numbers.step)


def _with_decimals(metric: Metric, runs: Sequence[JudgedRun], spreads: Sequence[float]) -> Metric:
    values = [run.reading.value for run in runs if run.reading.value is not None]
    wide = [spread for spread in spreads if spread]
    return with_decimals(metric, [] if wide else [values], wide)


def with_decimals(
    metric: Metric, trials: Iterable[Sequence[float]], known: Sequence[float] = ()
) -> Metric:
    """Return `metric` with the decimals that show the spread of runs to two digits.

    `trials` are the values of each trial's runs, in its unit, and `known` spreads of others.

    >>> with_decimals(Metric("loss"), [[0.211, 0.214, 0.219], [0.305, 0.308]]).decimals
    4
    """
    several = [list(values) for values in trials]
    spreads = [statistics.stdev(values) for values in several if len(values) > 1]
    spreads += known
    every = [value for values in several for value in values]
    spread = statistics.median(spreads) if spreads else 0.0
    spread = spread or (statistics.pstdev(every) if every else 0.0) or metric.step or 0.01
    decimals = max(0, 1 - math.floor(math.log10(spread)))
    return dataclasses.replace(
        metric, decimals=max(2, decimals) if metric.unit == "%" else decimals
    )


def _as_factors(columns: Columns, differing: Sequence[str]) -> str:
    """Return the options that make factors of these columns."""
    return " ".join(f"--trial {shlex.quote(name)}" for name in (*columns.trials, *differing[:5]))


def _remarks(table: RunTable, columns: Columns, runs: Sequence[JudgedRun]) -> list[str]:
    found = []
    differing = differing_settings(table, columns)
    if differing:
        found.append(
            f"Runs of one trial differ in {', '.join(differing[:5])}"
            + (f" and {len(differing) - 5} more" if len(differing) > 5 else "")
            + ": what that changes is in the spread, or in the differences. Where it was tried "
            f"too, say so: {_as_factors(columns, differing)}."
        )
    if columns.fold is not None:
        folds = len(set(map(label, table.column(columns.fold))))
        found.append(
            f"Runs are of {folds} folds of one set of data, whose training sets overlap: errors "
            "allow for that, and hold for other data of the kind. Where each was trained and "
            "validated on data of its own, call the column seed."
        )
    if columns.seed is not None:
        trials_of = Counter(run.seed for run in runs)
        shared = sum(count > 1 for count in trials_of.values())
        if not shared and len(runs) > 1:
            found.append("No two runs have the same seed, so that none are compared in pairs.")
    return found
