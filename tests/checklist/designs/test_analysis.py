"""What the runs of a screen say: average effects that intervals cover, and what may hide there."""

from __future__ import annotations

import dataclasses
import math

import numpy as np
import pytest
import statsmodels.formula.api as smf

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.designs.aliases import aliases, suspected_pair
from darkmagic.checklist.designs.fit import (
    Mixed,
    detectable_in_errors,
    estimate_screen,
    fit_screen,
    log_ratios,
)
from darkmagic.checklist.designs.screen import make_screen
from darkmagic.checklist.designs.table import is_screen
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.plan import expand, plan_seeds
from darkmagic.checklist.records import Status
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.write import FORMATS, write_report
from screens import ARTICLE, OPTIONS, screen_of, screened, simulate

TRUE = {("t7", "b"): 0.6, ("t0", "b"): -0.5, ("t1", "c"): 0.5}


def test_effects_and_errors_are_those_of_statsmodels() -> None:
    """Differences, errors and degrees of freedom are those of an ordinary model with blocks."""
    import pandas as pd

    trials = make_screen(ARTICLE, 27, seeds=(0, 1, 2))
    records = screened(trials, TRUE)
    runs = [Mixed(r.name, r.choices, r.seed, 100 * (r.accuracy or 0)) for r in records]
    effects = estimate_screen(runs, OPTIONS, 0.0)
    frame = pd.DataFrame([{**r.choices, "seed": r.seed, "y": r.accuracy} for r in runs])
    model = smf.ols("y ~ C(seed) + " + " + ".join(t.name for t in ARTICLE.tricks), frame).fit()
    for index, (trick, option) in enumerate(OPTIONS, start=1):
        name = f"{trick}[T.{option}]"
        assert effects.by_trial[index].difference == pytest.approx(model.params[name])
        assert effects.by_trial[index].error == pytest.approx(model.bse[name])
    assert effects.df == model.df_resid
    assert effects.blocked


def test_intervals_of_a_screen_hold_together_and_nothing_is_claimed_of_luck() -> None:
    """All intervals of a screen cover in about 96 of 100, as 4 % are spent on the first look."""
    found = simulate(24, repeats=100)
    assert found["together"] >= 92
    assert found["false"] <= 8


def test_intervals_are_of_average_effects_where_tricks_interact() -> None:
    """With interactions the intervals cover averages over the options, not baseline effects."""
    found = simulate(36, repeats=60, interactions=0.15)
    assert found["together"] >= 92
    assert found["baseline"] < 90


def test_rows_are_options_with_their_verdicts() -> None:
    """A screen's table has a row an option; true gains are found and the prediction has them."""
    comparison = compare(ARTICLE, screened(screen_of(36), TRUE, seed=3))
    assert [row.name for row in comparison.rows] == ["baseline", *("=".join(o) for o in OPTIONS)]
    better = {row.name for row in comparison.having(Verdict.BETTER)}
    assert {"t7=b", "t1=c"} <= better
    assert "t0=b" in {row.name for row in comparison.having(Verdict.WORSE)}
    row = next(row for row in comparison.rows if row.name == "t7=b")
    assert len(row.accuracies) == 18
    assert row.interval is not None
    assert row.interval.low < 0.6 < row.interval.high
    assert row.outlook is not None
    assert row.minimum_detectable is not None
    assert 0.2 < row.minimum_detectable < 0.5
    assert comparison.screen is not None
    best = comparison.screen.prediction
    assert best is not None
    assert best.choices["t7"] == "b"
    assert best.choices["t1"] == "c"
    assert best.choices.get("t0") != "b"
    seen = sum(max(0.0, row.difference or 0) for row in comparison.tricks)
    assert best.gain < seen


def test_prediction_takes_the_better_of_two_options_that_exclude_each_other() -> None:
    """The predicted recipe can be trained: of two options apart it has the better one."""
    records = screened(screen_of(36), TRUE, seed=3)
    comparison = compare(ARTICLE, records, apart=[(("t7", "b"), ("t1", "c"))])
    assert comparison.screen is not None
    assert comparison.screen.prediction is not None
    chosen = set(comparison.screen.prediction.choices.items())
    assert len(chosen & {("t7", "b"), ("t1", "c")}) == 1


def _lose(record, status=Status.DIVERGED):  # noqa: ANN001, ANN202
    return dataclasses.replace(record, status=status, accuracy=None, reason="NaN loss")


def test_diverged_runs_are_missing_cells_and_said() -> None:
    """Runs without a result leave every row judged, and the report names what they share."""
    records = screened(screen_of(36), TRUE, seed=3)
    bad = [r for r in records if r.choices["t4"] == "b" and r.choices["t5"] == "c"][:3]
    kept = [_lose(r) if r in bad else r for r in records]
    report = Report("mine", compare(ARTICLE, kept), facts={}, overrides=("design=screen",))
    assert all(row.verdict is not Verdict.FAILED for row in report.comparison.rows)
    said = next(note for note in report.notes if "missing cells" in note)
    assert said.startswith("3 of 36 runs")
    assert bad[0].name in said
    assert "t4=b" in said or "t5=c" in said


def test_option_all_of_whose_runs_failed_is_a_failed_row() -> None:
    """An option that never trains is a row that says so, and the others are judged."""
    records = screened(screen_of(36), TRUE, seed=3)
    kept = [_lose(r) if r.choices["t1"] == "c" else r for r in records]
    comparison = compare(ARTICLE, kept)
    rows = {row.name: row for row in comparison.rows}
    assert rows["t1=c"].verdict is Verdict.FAILED
    assert rows["t1=c"].difference is None
    assert rows["t7=b"].verdict is Verdict.BETTER


def test_saturated_screen_gives_differences_and_says_why_there_is_no_verdict() -> None:
    """With as many effects as runs there are differences, no intervals and a note."""
    report = Report("mine", compare(ARTICLE, screened(screen_of(16), TRUE)), facts={})
    assert all(row.verdict is Verdict.NOT_TESTED for row in report.comparison.tricks)
    assert all(row.difference is not None for row in report.comparison.tricks)
    assert any("nothing tells the spread" in note for note in report.notes)


def test_lack_of_fit_names_the_pair_of_tricks() -> None:
    """A large interaction is named with its tricks; without one no lack of fit is claimed."""
    trials = screen_of(48)
    records = screened(trials, TRUE, spread=0.1, seed=1)
    assert "No lack of fit" in " ".join(Report("m", compare(ARTICLE, records), facts={}).notes)
    pair = {("t2", "b"), ("t7", "b")}
    both = [
        dataclasses.replace(r, accuracy=(r.accuracy or 0) + 0.015)
        if pair <= set(r.choices.items())
        else r
        for r in records
    ]
    notes = " ".join(Report("m", compare(ARTICLE, both), facts={}).notes)
    assert "Lack of fit: t2 and t7 do not simply add up" in notes


def test_alias_is_what_a_pair_would_add() -> None:
    """The share that is printed is what an interaction of 1 adds to the effect, without noise."""
    trials = screen_of(24)
    runs = [Mixed(t.name, t.choices, t.seed, 90.0) for t in trials]
    alias = aliases(fit_screen(runs, OPTIONS))[0]
    levels = {t.name: len(t.options) for t in ARTICLE.tricks}

    def centred(run: Mixed, choice: tuple[str, str]) -> float:
        return float(run.choices[choice[0]] == choice[1]) - 1 / levels[choice[0]]

    interacting = [
        dataclasses.replace(r, accuracy=90 + centred(r, alias.pair[0]) * centred(r, alias.pair[1]))
        for r in runs
    ]
    index = 1 + OPTIONS.index(alias.option)
    found = estimate_screen(interacting, OPTIONS, 0.0).by_trial[index]
    assert found.difference == pytest.approx(alias.share)


def test_suspected_pair_is_none_where_nothing_is_left_over() -> None:
    """A saturated screen has no residuals that could point to a pair."""
    runs = [Mixed(t.name, t.choices, t.seed, 90.0) for t in screen_of(16)]
    assert suspected_pair(fit_screen(runs, OPTIONS)) is None


def test_run_far_from_what_its_options_add_up_to_is_named() -> None:
    """A single run that is two points off is named with its options."""
    records = screened(screen_of(36), TRUE, seed=3)
    off = records[20]
    kept = [dataclasses.replace(r, accuracy=0.88) if r is off else r for r in records]
    notes = Report("mine", compare(ARTICLE, kept), facts={}).notes
    said = next(note for note in notes if "add up to, far more" in note)
    assert said.startswith(off.name)


def test_costs_are_averages_over_the_other_options() -> None:
    """An option's time is its own factor, whichever costly options it happened to meet."""
    trials = screen_of(24)
    costs = [
        (
            t.choices,
            0,
            2.0 * (3 if t.choices["t0"] == "b" else 1) * (2 if t.choices["t2"] == "b" else 1),
        )
        for t in trials
    ]
    found = dict(zip(OPTIONS, log_ratios(costs, OPTIONS), strict=True))
    assert found["t0", "b"] == pytest.approx(3)
    assert found["t2", "b"] == pytest.approx(2)
    assert found["t7", "b"] == pytest.approx(1)


def test_runs_of_one_trick_at_a_time_count_in_the_screen() -> None:
    """Trials of both designs make one table, of all of them."""
    known = expand(ARTICLE, plan_seeds(ARTICLE))
    records = screened(make_screen(ARTICLE, 32, known=known), TRUE)
    plain = [dataclasses.replace(r, choices={}) if r.trick != "screen" else r for r in records]
    comparison = compare(ARTICLE, plain)
    assert comparison.screen is not None
    assert len(comparison.screen.runs(None)) == 32
    assert comparison.effects.df == 16


def test_second_look_is_paid_for_and_waits_for_its_runs() -> None:
    """Added runs are a look: figures are the first look's until they have ended."""
    before = screen_of(24)
    first = screened(before, TRUE, seed=3)
    more = screened(make_screen(ARTICLE, 36, known=before)[24:], TRUE, seed=4, look=2)
    waiting = [dataclasses.replace(r, status=Status.RUNNING, accuracy=None) for r in more]
    early, late = compare(ARTICLE, [*first, *waiting]), compare(ARTICLE, [*first, *more])
    assert (early.look, late.look) == (1, 2)
    assert early.effects.df == 8
    assert late.effects.df == 20


def test_detectable_effect_is_what_a_t_test_finds_four_times_in_five() -> None:
    """Drawn t tests at the level find the effect in about 80 of 100."""
    from scipy.stats import t

    rng = np.random.default_rng(0)
    df, p = 8, 0.01
    effect = detectable_in_errors(df, p)
    drawn = (effect + rng.standard_normal(20_000)) / np.sqrt(rng.chisquare(df, 20_000) / df)
    assert np.mean(drawn > t.isf(p / 2, df)) == pytest.approx(0.8, abs=0.01)


@pytest.mark.parametrize("seeds", [1, 2])
@pytest.mark.parametrize("sizes", [(2, 2), (2, 3), (3, 2, 2), (2, 2, 2, 2)])
def test_larger_screen_that_is_advised_can_be_made(sizes: tuple[int, ...], seeds: int) -> None:
    """Where all combinations were trained, of so many seeds, the rest is of more seeds."""
    tricks = (Trick(f"t{n}", "s", ("a", "b", "c")[:size]) for n, size in enumerate(sizes))
    mine = Checklist("mine", tuple(tricks))
    everything = make_screen(mine, math.prod(sizes) * seeds, seeds=range(seeds))
    report = Report("mine", compare(mine, screened(everything, {})), facts={}, overrides=())
    words = dict(report.advice.steps)["To narrow all intervals at once"].split()
    asked = dict(word.split("=") for word in words if "=" in word)
    assert int(asked["runs"]) == math.ceil(1.5 * len(everything))
    again = make_screen(
        mine, int(asked["runs"]), seeds=range(int(asked.get("seeds", 1))), known=everything
    )
    assert len(again) == int(asked["runs"])


@pytest.mark.parametrize("form", FORMATS)
def test_report_of_a_screen_says_that_it_averages(form: str) -> None:
    """Every format says what a difference is and never quotes the prediction as a result."""
    records = screened(screen_of(24), TRUE, seed=3)
    assert is_screen(records)
    report = Report("mine", compare(ARTICLE, records), facts={}, overrides=("dataset=digits",))
    text = write_report(report, form)
    if form not in ("csv", "tex"):
        assert "average over the other options" in " ".join(text.split())
        assert "This is a prediction, no result" in " ".join(text.split())
    steps = dict(report.advice.steps)
    assert "checklist confirm dataset=digits --take t7=b" in steps["To confirm it"]
    assert "design=screen runs=36" in steps["To narrow all intervals at once"]
