"""Budgets, and the rounds in which they are spent."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.planning.budget import Budget, parse_budget
from darkmagic.checklist.planning.race import BASELINE_RATIO, first_round, next_round
from darkmagic.checklist.records import Costs, Status
from darkmagic.checklist.report.advice.advise import advise
from darkmagic.sweeps.compose.request import split_request
from records import SMALL, STEADY, record, swept

NAMES = ["baseline", *(f"own={i}" for i in range(15))]


@pytest.mark.parametrize(
    ("text", "budget"),
    [("80", Budget(80)), ("8h", Budget(28800.0, True)), ("1.5h", Budget(5400.0, True)),
     ("90m", Budget(5400.0, True))],
)  # fmt: skip
def test_budget_is_runs_or_time(text: str, budget: Budget) -> None:
    """A number is runs, and one with h or m is training time."""
    assert parse_budget(text) == budget


@pytest.mark.parametrize("text", ["", "0", "-3", "8d", "much", "1e3", "0h", "1.2345h", "8 h"])
def test_unreadable_budget_is_refused_with_how_to_write_it(text: str) -> None:
    """The error shows both ways to write a budget."""
    with pytest.raises(UserError, match=r"write budget=80 \(runs\), budget=8h or budget=30m"):
        parse_budget(text)


def test_what_is_left_of_a_time_counts_runs_at_their_average() -> None:
    """Of 1,000 seconds, 15 runs of 60 are gone: one more fits."""
    costs = Costs(2.0, 60.0, 1000, 50, 10.0)
    records = swept(STEADY, lambda r: dataclasses.replace(r, costs=costs))
    assert Budget(1000.0, in_seconds=True).left(records) == 1
    assert Budget(100.0, in_seconds=True).left(records) == 0
    assert Budget(20).left(records) == 5
    assert Budget(10).left(records) == 0


@pytest.mark.parametrize("budget", [17, 32, 33, 80, 1000])
def test_every_row_runs_before_any_is_preferred(budget: int) -> None:
    """The first round stays within the budget, with as many runs of every row."""
    counts = first_round(NAMES, budget)
    assert sum(counts.values()) <= budget
    assert len({counts[name] for name in NAMES[1:]}) == 1
    assert counts["baseline"] > counts["own=0"]
    with pytest.raises(UserError, match="give budget=17 or more"):
        first_round(NAMES, 16)


def test_rounds_spend_no_more_than_the_budget_and_end() -> None:
    """Whatever rows seem to be, a race ends, and the baseline keeps ahead of every row."""
    rng = np.random.default_rng(0)
    for budget in (20, 50, 80, 131):
        runs = first_round(NAMES, budget)
        while True:
            helps = dict(zip(NAMES[1:], rng.random(15).tolist(), strict=True))
            more = next_round(runs, helps, budget - sum(runs.values()))
            if not more:
                break
            runs = {name: count + more.get(name, 0) for name, count in runs.items()}
            most = max(runs[name] for name in more if name != "baseline")
            assert runs["baseline"] >= BASELINE_RATIO * most
        assert budget - 8 <= sum(runs.values()) <= budget


def test_race_stops_where_nothing_is_open() -> None:
    """Rows that surely help, or hardly can, need no more runs."""
    assert next_round({"baseline": 3, "a=1": 2, "b=1": 2}, {"a=1": 0.999, "b=1": 0.02}, 50) == {}


def test_race_claims_gains_alone() -> None:
    """A row far below the baseline is undecided, with an interval that reaches 0."""
    rows = {row.name: row for row in compare(SMALL, swept(STEADY), Rules(race=True)).rows}
    assert rows["lr=cosine"].verdict is Verdict.BETTER
    assert rows["mixup=on"].verdict is Verdict.UNDECIDED
    assert rows["mixup=on"].interval is not None
    assert rows["mixup=on"].interval.high == 0


@pytest.mark.parametrize("look", [1, 2])
def test_interrupted_race_is_gone_on_with_by_its_budget(look: int) -> None:
    """The step names the budget, in its first round and later; other commands choose seeds."""
    _, request = split_request(["dataset=digits", "budget=40", "lr=0.2"])
    assert request.overrides == ("dataset=digits", "budget=40", "lr=0.2")
    runs = swept(STEADY)
    waiting = [record("lr=cosine", 3, None, status=Status.PENDING, look=look)]
    comparison = compare(SMALL, [*runs, *waiting] if look > 1 else waiting, Rules(race=True))
    assert comparison.look == look - 1
    steps = advise(comparison, request.overrides).steps
    assert steps[0] == ("Go on with", "darkmagic checklist run dataset=digits budget=40 lr=0.2")
    assert all("budget=" not in command for _, command in steps[1:])
    ended = compare(SMALL, runs, Rules(race=True))
    assert all("budget=" not in command for _, command in advise(ended, request.overrides).steps)
