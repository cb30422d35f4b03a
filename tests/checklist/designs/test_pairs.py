"""Pairs of tricks that get runs of their own: what they do beyond their sum is told apart."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pytest

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.designs.aliases import suspected_pair
from darkmagic.checklist.designs.crossed.pairs import (
    interaction_p,
    runs_to_separate,
    separated_p,
    togethers,
)
from darkmagic.checklist.designs.factors import Limits
from darkmagic.checklist.designs.fit import Mixed, fit_screen
from darkmagic.checklist.designs.screen import make_screen, separating_runs
from darkmagic.checklist.model import Checklist, Trial, Trick
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.report.advice.advise import advise
from records import report_of

MINE = Checklist(
    "mine",
    (
        Trick("a", "s", ("off", "on")),
        Trick("b", "s", ("off", "on", "more")),
        *(Trick(f"t{number}", "s", ("off", "on")) for number in range(4)),
    ),
)
OPTIONS = [(trick.name, option) for trick in MINE.tricks for option in trick.options[1:]]
PAIR = ("a", "b")
INTERACTION = 2.0


def _accuracy(trial: Trial, interaction: float) -> float:
    choices = trial.choices
    own = (
        0.5 * (choices["a"] == "on")
        - 0.4 * (choices["b"] == "more")
        + 0.3 * (choices["t0"] == "on")
    )
    return 90 + own + interaction * (choices["a"] == "on" and choices["b"] == "more")


def _records(trials: Sequence[Trial], interaction: float, seed: int = 0) -> list[TrialRecord]:
    rng = np.random.default_rng(seed)
    return [
        TrialRecord(
            t.trick,
            t.option,
            t.section,
            t.seed,
            Status.FINISHED,
            accuracy=(_accuracy(t, interaction) + 0.1 * rng.normal()) / 100,
            choices=t.choices,
        )
        for t in trials
    ]


def _separated(known: Sequence[Trial]) -> list[Trial]:
    runs = separating_runs(MINE, known, PAIR, Limits())
    return make_screen(MINE, runs, known=known, pair=PAIR)


def _fit(trials: Sequence[Trial], interaction: float, seed: int = 0):  # noqa: ANN202
    rng = np.random.default_rng(seed)
    runs = [
        Mixed(t.name, t.choices, t.seed, _accuracy(t, interaction) + 0.1 * rng.normal())
        for t in trials
    ]
    return fit_screen(runs, OPTIONS, [PAIR])


@pytest.mark.parametrize("runs", [10, 13, 15])
def test_runs_are_added_until_every_combination_of_the_pair_is_told_apart(runs: int) -> None:
    """What exists stays, and what is added makes the pair's combinations estimable."""
    known = make_screen(MINE, runs)
    trials = _separated(known)
    assert [t.choices for t in trials[:runs]] == [t.choices for t in known]
    assert len(trials) - runs >= runs_to_separate((2, 3))
    fit = _fit(trials, INTERACTION)
    columns = togethers(fit, PAIR)
    assert [each.pair for each in columns] == [
        (("a", "on"), ("b", "on")),
        (("a", "on"), ("b", "more")),
    ]
    assert columns[0].points == pytest.approx(0.0, abs=0.6)
    assert columns[1].points == pytest.approx(INTERACTION, abs=0.6)
    assert all(each.error is not None and each.error < 0.5 for each in columns)


def test_suspected_pair_is_told_apart_and_rows_stay_averages() -> None:
    """A screen that points to the pair says so, asks for its runs, and then says what they do."""
    known = make_screen(MINE, 24)
    before = compare(MINE, _records(known, INTERACTION))
    assert before.screen is not None
    assert before.screen.suspect is not None
    assert set(before.screen.suspect.tricks) == set(PAIR)
    steps = dict(advise(before, ["design=screen", "runs=24"]).steps)
    assert steps["To tell a and b apart"].endswith("design=screen --interactions")

    records = _records(_separated(known), INTERACTION)
    after = compare(MINE, records, together={PAIR: 1})
    rows = {row.name: row for row in after.rows}
    assert rows["a=on"].difference == pytest.approx(0.5 + INTERACTION / 3, abs=0.25)
    assert rows["b=more"].difference == pytest.approx(-0.4 + INTERACTION / 2, abs=0.25)
    assert rows["b=on"].difference == pytest.approx(0.0, abs=0.25)
    assert after.screen is not None
    assert after.screen.separated == [PAIR]
    notes = " ".join(report_of([], MINE, comparison=after).notes)
    assert (
        "a and b were told apart: they do not simply add up (p < 0.001, adjusted for the pairs"
        in notes
    )
    assert "a=on with b=more +2." in notes or "a=on with b=more +1.9" in notes
    prediction = after.screen.prediction
    assert prediction is not None
    assert {("a", "on"), ("b", "more"), ("t0", "on")} <= set(prediction.choices.items())
    assert prediction.gain == pytest.approx(0.5 - 0.4 + 0.3 + INTERACTION, abs=0.5)


def test_options_that_spoil_one_another_are_not_predicted_together() -> None:
    """Each of the pair helps alone, on average neither does, and the prediction takes one."""
    records = _records(_separated(make_screen(MINE, 24)), -3.0)
    after = compare(MINE, records, together={PAIR: 1})
    assert after.screen is not None
    assert after.screen.prediction is not None
    choices = after.screen.prediction.choices
    assert choices.get("a") == "on"
    assert choices.get("b") != "more"
    assert choices.get("t0") == "on"


def test_pair_that_adds_up_is_called_an_interaction_as_rarely_as_promised() -> None:
    """Over simulated screens without interaction, the test of the pair is below 5 % in 5 %."""
    trials = _separated(make_screen(MINE, 12))
    ps = [interaction_p(_fit(trials, 0.0, seed), PAIR) for seed in range(300)]
    known = [p for p in ps if p is not None]
    assert len(known) == 300
    assert np.mean(np.array(known) < 0.05) <= 0.09
    assert np.mean(np.array(known) < 0.5) == pytest.approx(0.5, abs=0.09)


@pytest.mark.parametrize("runs", [12, 24])
def test_pair_that_the_same_runs_point_to_is_no_interaction_for_that(runs: int) -> None:
    """Where all adds up, the pair that residuals chose is called an interaction in 5 % at most."""
    known, made = make_screen(MINE, runs), {}
    claims, unadjusted = [], []
    for seed in range(150):
        rng, luck = np.random.default_rng(seed), dict[tuple[str, ...], float]()

        def run(trial: Trial, rng=rng, luck=luck) -> Mixed:  # type: ignore[no-untyped-def] # noqa: ANN001
            own = luck.setdefault(tuple(trial.choices.values()), float(rng.normal()))
            return Mixed(trial.name, trial.choices, trial.seed, 90 + own)

        suspect = suspected_pair(fit_screen([run(trial) for trial in known], OPTIONS))
        assert suspect is not None
        pair = suspect.tricks
        if pair not in made:
            more = separating_runs(MINE, known, pair, Limits())
            made[pair] = make_screen(MINE, more, known=known, pair=pair)
        fit = fit_screen([run(trial) for trial in made[pair]], OPTIONS, [pair])
        found, alone = separated_p(fit, pair), interaction_p(fit, pair)
        assert found is not None
        assert alone is not None
        claims.append(found < 0.05)
        unadjusted.append(alone < 0.05)
    assert np.mean(claims) <= 0.05 + 2 * (0.05 * 0.95 / 150) ** 0.5
    assert np.mean(unadjusted) > 0.13  # what it would claim without the adjustment


@pytest.mark.parametrize("known_since", [0, 2])
@pytest.mark.parametrize("interaction", [0.0, INTERACTION])
def test_looks_before_a_pair_is_told_apart_stay_as_they_were(
    interaction: float, known_since: int
) -> None:
    """What was claimed before the pair's runs is what was claimed then, and nothing more is."""
    first = make_screen(MINE, 12)
    trials = _separated(first)
    records = [
        dataclasses.replace(record, look=1 if number < len(first) else 2)
        for number, record in enumerate(_records(trials, interaction))
    ]
    before = compare(MINE, records[: len(first)]).screen
    after = compare(MINE, records, together={PAIR: known_since}).screen
    assert before is not None
    assert after is not None
    assert after.effects(1, None).by_trial == before.effects(1, None).by_trial
    assert after.effects(2, None).df == len(trials) - 10  # a level, seven options, two pairs
