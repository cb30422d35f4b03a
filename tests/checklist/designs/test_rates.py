"""The rate as a trick of a screen: optimizers are compared each at its own best."""

from __future__ import annotations

import itertools
from collections.abc import Mapping

import numpy as np
import pytest

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.designs.coding import coded
from darkmagic.checklist.designs.crossed.rates import with_rates
from darkmagic.checklist.designs.factors import Factors, Limits
from darkmagic.checklist.designs.screen import make_screen, screen_sizes
from darkmagic.checklist.model import RATE_TRICK, Checklist, Trial, Trick
from darkmagic.checklist.records import Status, TrialRecord
from records import report_of

PLAIN = Checklist(
    "mine",
    (
        Trick("opt", "s", ("sgd", "adam", "lion"), retune={"adam": ("lr", "decay")}),
        *(Trick(f"t{number}", "s", ("off", "on")) for number in range(4)),
    ),
)
MINE = with_rates(PLAIN)
LEVEL = {
    ("sgd", "x1"): 0.0,
    ("sgd", "x0.3"): -1.0,
    ("sgd", "x3"): -0.5,
    ("adam", "x1"): -3.0,
    ("adam", "x0.3"): 0.6,
    ("adam", "x3"): -9.0,
    ("lion", "x1"): -0.4,
    ("lion", "x0.3"): -2.0,
    ("lion", "x3"): -0.8,
}
"""Adam is the best of all, at another rate than the baseline's, and far worse at that one."""


def _trained(trials: list[Trial], spread: float = 0.0, seed: int = 0) -> list[TrialRecord]:
    rng = np.random.default_rng(seed)
    return [
        TrialRecord(
            t.trick,
            t.option,
            t.section,
            t.seed,
            Status.FINISHED,
            accuracy=(90 + _truth(t.choices) + spread * rng.normal()) / 100,
            choices=t.choices,
        )
        for t in trials
    ]


def _truth(choices: Mapping[str, str]) -> float:
    gain = 0.3 * (choices["t0"] == "on") - 0.3 * (choices["t1"] == "on")
    return LEVEL[choices["opt"], choices[RATE_TRICK]] + gain


def test_rate_is_added_where_an_option_needs_its_own_and_once() -> None:
    """A checklist without such an option, or with rates of its own, stays as it is."""
    assert [t.name for t in MINE.tricks][-1] == RATE_TRICK
    assert with_rates(MINE) is MINE
    plain = Checklist("plain", PLAIN.tricks[1:])
    assert with_rates(plain) is plain
    assert screen_sizes(PLAIN) == (3, 2, 2, 2, 2)
    assert screen_sizes(MINE) == (2, 2, 2, 2, 9)


@pytest.mark.parametrize("runs", [13, 17, 24])
def test_every_combination_of_optimizer_and_rate_is_told_apart(runs: int) -> None:
    """The design estimates nine levels of optimizer and rate together beside the other tricks."""
    trials = make_screen(MINE, runs)
    factors = Factors.of(MINE, (0,), Limits())
    rows = np.array([factors.row(t.choices, 0) for t in trials])
    x = coded(rows, factors.sizes)
    assert np.linalg.matrix_rank(x) == factors.effects == 13
    had = {(t.choices["opt"], t.choices[RATE_TRICK]) for t in trials}
    assert had == set(itertools.product(("sgd", "adam", "lion"), ("x1", "x0.3", "x3")))


def test_optimizer_is_compared_at_its_best_rate_with_the_baseline_at_its_own() -> None:
    """Without noise the difference of each row is the true one, and the rates are named."""
    comparison = compare(MINE, _trained(make_screen(MINE, 20), 1e-9))
    rows = {row.name: row for row in comparison.rows}
    assert rows["opt=adam"].difference == pytest.approx(0.6, abs=1e-6)
    assert rows["opt=lion"].difference == pytest.approx(-0.4, abs=1e-6)
    assert rows["learning_rate=x3"].difference == pytest.approx(-0.5, abs=1e-6)
    assert rows["t0=on"].difference == pytest.approx(0.3, abs=1e-6)
    assert comparison.screen is not None
    assert comparison.screen.rates == {
        ("opt", "sgd"): "x1",
        ("opt", "adam"): "x0.3",
        ("opt", "lion"): "x1",
    }
    assert not any("rate not retuned" in row.verdict_text for row in comparison.rows)
    prediction = comparison.screen.prediction
    assert prediction is not None
    assert {("opt", "adam"), ("t0", "on"), (RATE_TRICK, "x0.3")} <= set(prediction.choices.items())
    assert prediction.choices.get("t1") is None
    notes = " ".join(report_of(_trained(make_screen(MINE, 20), 0.01), MINE).notes)
    assert "opt=sgd at x1, opt=adam at x0.3, opt=lion at x1" in notes


def test_intervals_of_retuned_optimizers_cover_what_they_gain() -> None:
    """Over simulated screens about 95 of 100 intervals of an optimizer hold its true gain."""
    trials = make_screen(MINE, 24)
    inside = tested = 0
    for seed in range(60):
        comparison = compare(MINE, _trained(trials, 0.2, seed))
        for name, gain in (("opt=adam", 0.6), ("opt=lion", -0.4)):
            row = next(row for row in comparison.rows if row.name == name)
            assert row.own_interval is not None
            tested += 1
            inside += row.own_interval.low <= gain <= row.own_interval.high
    assert inside / tested > 0.91
