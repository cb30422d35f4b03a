"""Which rows are retuned, and which of their tries is picked."""

from __future__ import annotations

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.plan import Retune
from darkmagic.checklist.planning.retune import (
    LADDER,
    known_rates,
    pick,
    retuned_rows,
    tuning_seeds,
)
from darkmagic.checklist.records import Status
from records import record, report_of, swept
from retune_rule import PICKS, simulate

MINE = Checklist(
    "mine",
    (
        Trick(
            "opt", "s", ("sgd", "adam", "lion"), retune={"adam": ("lr", "decay"), "sgd": ("lr",)}
        ),
        Trick("mixup", "s", ("off", "on")),
        Trick("size", "s", ("x1", "x4"), retune={"x4": ("lr",)}),
    ),
)


def _tries(name: str, accuracies: dict[float, list[float | None]]) -> list:
    """Return tries of a row: by rate, the accuracy of each seed; None for one that failed."""
    return [
        record(
            name,
            seed,
            accuracy,
            rates={"lr": rate},
            status=Status.DIVERGED if accuracy is None else Status.FINISHED,
        )
        for rate, by_seed in accuracies.items()
        for seed, accuracy in enumerate(by_seed)
    ]


@pytest.mark.parametrize(
    ("mode", "rows"),
    [
        (Retune.NONE, {}),
        (Retune.LADDER, {"baseline": ("lr",), "opt=adam": ("lr",), "size=x4": ("lr",)}),
        (
            Retune.OPTUNA,
            {"baseline": ("lr", "decay"), "opt=adam": ("lr", "decay"), "size=x4": ("lr",)},
        ),
    ],
)
def test_rows_that_name_a_rate_are_retuned_with_the_baseline(
    mode: Retune, rows: dict[str, tuple[str, ...]]
) -> None:
    """Options that need rates and are not the baseline's own are tuned, and so is the baseline."""
    assert retuned_rows(MINE, mode) == rows


def test_checklist_that_compares_rates_itself_is_refused() -> None:
    """A row of the learning rate would be compared at its own times the one that is picked."""
    rates = Trick("learning_rate", "s", ("x1", "x3"))
    both = Checklist("both", (*MINE.tricks, rates))
    with pytest.raises(UserError, match="compares learning_rate itself; leave that trick out"):
        retuned_rows(both, Retune.LADDER)
    assert retuned_rows(both, Retune.NONE) == {}
    assert retuned_rows(Checklist("plain", (MINE.tricks[1], rates)), Retune.LADDER) == {}


@pytest.mark.parametrize(
    ("accuracies", "picked"),
    [
        ({1.0: [0.9], 1 / 3: [0.8], 3.0: [0.95]}, 3.0),
        ({1.0: [0.9], 1 / 3: [0.9], 3.0: [0.9]}, 1.0),  # as good: the recipe's own
        ({1.0: [0.9, 0.7], 3.0: [0.85, 0.85]}, 3.0),  # means over seeds
        ({1.0: [0.5], 3.0: [None]}, 1.0),
        ({1.0: [0.5, 0.5], 3.0: [0.99, None]}, 1.0),  # one run that fails is a rate that fails
        ({1.0: [None], 1 / 3: [0.2], 3.0: [None]}, 1 / 3),
        ({1.0: [None], 1 / 3: [None], 3.0: [None]}, 1.0),
    ],
)
def test_best_mean_is_picked_and_failures_never(
    accuracies: dict[float, list[float | None]], picked: float
) -> None:
    """The highest mean over seeds wins; a rate with a failed run loses to all that have none."""
    assert pick(["baseline"], _tries("baseline", accuracies)) == {"baseline": {"lr": picked}}


@pytest.mark.parametrize("status", [Status.INERT, Status.NOT_APPLICABLE, Status.SKIPPED])
def test_row_that_is_nothing_of_its_own_takes_the_rate_of_the_baseline(status: Status) -> None:
    """A row found inert at one rate must not differ from the baseline by another rate alone."""
    tries = [
        *_tries("baseline", {1.0: [0.9], 3.0: [0.95]}),
        record("size=x4", 0, None, rates={"lr": 1.0}, status=status),
        *_tries("size=x4", {1 / 3: [0.99]}),
    ]
    assert pick(["baseline", "size=x4"], tries)["size=x4"] == {"lr": 3.0}
    known = {"baseline": {"lr": 1 / 3}}
    assert pick(["size=x4"], tries, known) == {**known, "size=x4": {"lr": 1 / 3}}


def test_rates_of_a_sweep_that_exists_are_known_where_its_baseline_has_one() -> None:
    """More seeds of a row are trained at the rate that its other seeds have."""
    rated = [record("baseline", rates={"lr": 3.0}), record("opt=adam", rates={"lr": 1.0})]
    assert known_rates(["baseline", "opt=adam", "size=x4"], rated) == {
        "baseline": {"lr": 3.0},
        "opt=adam": {"lr": 1.0},
    }
    assert known_rates(["baseline", "opt=adam"], rated[1:]) == {}


@pytest.mark.parametrize("first", [0, 7, 1000])
def test_seeds_of_tries_are_no_seeds_of_verdicts(first: int) -> None:
    """Not even a sweep of as many seeds as there may be reaches those on which rates are tried."""
    assert not set(tuning_seeds(first, 1000)) & set(range(first, first + 1000))


def test_report_says_which_rows_were_not_retuned() -> None:
    """A row at the baseline's rate says so beside its verdict; one at its own shows that."""
    runs = swept({"baseline": [90.0, 90.2, 89.9], "opt=adam": [88.0, 88.1, 88.2],
                  "mixup=on": [90.1, 90.0, 90.3]})  # fmt: skip
    report = report_of(runs, MINE)
    texts = {row.name: row.verdict_text for row in report.rows}
    assert texts["opt=adam"] == "worse, rate not retuned"
    assert texts["mixup=on"] == "no difference detected"
    notes = " ".join(report.notes)
    assert "Rate not retuned: opt=adam has the baseline's learning rate" in notes


def test_report_shows_the_rate_that_was_picked() -> None:
    """The table has each picked rate, and the notes what was tried and what took an end of it."""
    rate = {"baseline": 1.0, "opt=adam": min(LADDER), "mixup=on": 1.0}
    runs = swept(
        {name: [90.0, 90.2, 89.9] for name in rate},
        lambda r: record(r.name, r.seed, r.accuracy, rates={"lr": rate[r.name]}),
    )
    report = report_of(runs, MINE)
    texts = {row.name: row.verdict_text for row in report.rows}
    assert texts["baseline"] == "baseline, lr x1"
    assert texts["opt=adam"].endswith(", lr x0.333")
    assert "lr" not in texts["mixup=on"]
    notes = " ".join(report.notes)
    assert "Rate not retuned" not in notes
    assert "Weight decay was not retuned with opt=adam" in notes


def test_rows_as_good_at_their_own_rates_are_called_worse_less_often_when_retuned() -> None:
    """By simulation: options that want another rate lose their false losses to a ladder."""
    without, laddered = (simulate(PICKS[name], 20) for name in ("none", "ladder"))
    assert without["worse"] > 30
    assert laddered["worse"] < without["worse"] / 2
    assert laddered["off"] > without["off"] / 2
    assert laddered["better"] <= 8
    assert laddered["runs"] == len(LADDER) * 6
