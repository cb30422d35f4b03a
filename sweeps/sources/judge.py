"""`darkmagic judge`: verdicts on runs that somebody else made."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from pathlib import Path
from typing import Any

from darkmagic.checklist.judging.judgement import Judgement, judge_table
from darkmagic.checklist.judging.tables.question import Question
from darkmagic.sweeps.sources.frame import column_name, read_frame, value_name
from darkmagic.sweeps.sources.read import read_source

__all__ = ["judge"]


def judge(
    source: Any,
    metric: Hashable | None = None,
    baseline: Hashable | None = None,
    *,
    trial: Hashable | Sequence[Hashable] = (),
    seed: Hashable | None = None,
    direction: str | None = None,
    min_effect: float = 0.0,
    unit: str | None = None,
    status: Hashable | None = None,
    step: Hashable | None = None,
    take: str = "last",
    sd: Hashable | None = None,
    n: str | int | None = None,
    decimal: str | None = None,
    experiment: str | None = None,
    study: str | None = None,
) -> Judgement:
    """Return the verdicts on runs that were made elsewhere.

    `source` is a pandas or polars DataFrame, a list of dictionaries, or what `darkmagic judge`
    takes: a file of CSV or JSON, `-`, a store of MLflow's or Optuna's, a folder of event files.

    `metric` is the column that decides, better where it is `max` or `min` as `direction` says;
    `min_effect` is the smallest difference that matters, in its `unit`. `trial` is the column that
    says what was tried, or several that are factors; `baseline` is a value of it, or
    `opt=sgd,aug=none` of several. `seed` pairs runs, `status` says how they ended, `step` is the
    epoch of a table with a row an epoch, of which `take` takes the `last` or the `best`. `sd` and
    `n` are of a table of means. A column that is not named is guessed; `none` means that there is
    none. Columns may be named as the DataFrame has them, by a number or a tuple of levels, and
    `baseline` may be a number or a truth value. `experiment` and `study` say which of those in a
    store.

    Raises `UserError`, one line with the nearest valid choice, where the table is not clear.

    >>> losses = {"base": (0.4, 0.5, 0.6), "new": (0.1, 0.2, 0.3)}
    >>> runs = [{"name": name, "loss": loss} for name in losses for loss in losses[name]]
    >>> judged = judge(runs)
    >>> judged.verdicts, judged.meets("better")
    ({'new': 'better'}, True)
    """
    named = trial if isinstance(trial, list | tuple) else (trial,)
    question = Question(
        metric=column_name(metric, "metric"),
        baseline=value_name(baseline, "baseline"),
        trials=tuple(name for each in named if (name := column_name(each, "trial")) is not None),
        seed=column_name(seed, "seed"),
        status=column_name(status, "status"),
        step=column_name(step, "step"),
        take=take,
        sd=column_name(sd, "sd"),
        count=n,
        direction=direction,
        unit=unit,
        min_effect=min_effect,
        decimal=decimal,
    )
    if isinstance(source, str | Path):
        table = read_source(str(source), experiment=experiment, study=study)
    else:
        table = read_frame(source)
    return judge_table(table, question)
