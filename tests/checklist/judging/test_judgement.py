"""Verdicts on tables of runs: what columns mean, which runs count, what is claimed of them."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from typing import Any

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.judging.judgement import Judgement, judge_table
from darkmagic.checklist.judging.tables.question import Question
from darkmagic.checklist.judging.tables.table import Cell, RunTable
from darkmagic.checklist.records import Status

GAINS = {"base": 0.0, "good": 2.0, "bad": -2.0, "same": 0.0}


def table(columns: str, rows: Sequence[Sequence[Cell]], **fields: Any) -> RunTable:
    return RunTable("runs.csv", tuple(columns.split()), tuple(map(tuple, rows)), **fields)


def drawn(seeds: int = 5, sign: int = 1, scale: float = 1.0) -> list[tuple[str, float, float]]:
    """Return name, seed and value of runs whose gains are known."""
    rng = random.Random(8)
    return [
        (name, float(seed), scale * (10 + sign * gain + 0.1 * rng.gauss(0, 1)))
        for name, gain in GAINS.items()
        for seed in range(seeds)
    ]


def ask(columns: str, rows: Sequence[Sequence[Cell]], **question: Any) -> Judgement:
    return judge_table(table(columns, rows), Question(**question))


@pytest.mark.parametrize(
    ("metric", "sign", "scale", "direction"),
    [
        ("val_acc", 1, 1.0, None),
        ("val/loss", -1, 1e-3, None),
        ("epoch_seconds", -1, 60.0, None),
        ("mAP", 1, 1.0, None),
        ("bits_per_byte", -1, 0.1, None),
        ("valLoss", -1, 1.0, None),
        ("quality", 1, 1e6, "max"),
        ("quality", -1, 1e-8, "min"),
        ("val_acc", -1, 1.0, "minimize"),  # what is said counts, not the name
    ],
)
def test_metric_of_any_unit_is_judged_the_way_it_is_better(
    metric: str, sign: int, scale: float, direction: str | None
) -> None:
    """The direction is that of the name where it says one, or the one that is given."""
    judged = ask(f"name seed {metric}", drawn(sign=sign, scale=scale), direction=direction)
    assert judged.verdicts["good"] == "better"
    assert judged.verdicts["bad"] == "worse"
    assert judged.verdicts["same"] == "no difference detected"
    difference = judged.report.rows[1].difference
    assert difference == pytest.approx(2 * sign * scale, rel=0.15)


@pytest.mark.parametrize("metric", ["quality", "x", "train_speed", "loss_accuracy"])
def test_direction_that_no_name_tells_is_asked_for(metric: str) -> None:
    """A guess of the direction could turn every verdict around."""
    with pytest.raises(UserError, match=r"higher or lower\? Say so: --direction max"):
        ask(f"name seed {metric}", drawn(), metric=metric)


@pytest.mark.parametrize(
    ("columns", "question", "found"),
    [
        ("name seed val_acc", {}, "metric val_acc; trial name; seed seed"),
        ("method rng_seed acc", {}, "metric acc; trial method; seed rng_seed"),
        ("config.opt config.seed val_acc", {}, "trial config.opt; seed config.seed"),
        ("activation fold top1", {"metric": "top1"}, "trial activation; seed fold"),
        ("name seed val_acc", {"seed": "none"}, "no seed: runs are not paired"),
        ("b seed a", {"metric": "A", "direction": "max", "trials": ("B",)}, "metric a; trial b"),
    ],
)
def test_columns_are_guessed_shown_and_can_be_said(
    columns: str, question: dict[str, Any], found: str
) -> None:
    """What each column was taken for stands in the report; capitals may be left out."""
    judged = ask(columns, drawn(), **question)
    assert found in judged.report.facts["taken for"]
    assert judged.verdicts["good"] == "better"


def test_seeds_are_blocks_where_they_are_shared() -> None:
    """A spread that seeds have in common is taken off, and is not where they are left out."""
    rows = [
        (name, float(seed), 10 + 3 * seed + gain + 0.1 * ((seed * 7 + len(name)) % 3))
        for name, gain in (("base", 0.0), ("good", 0.6))
        for seed in range(6)
    ]
    assert ask("name seed acc", rows).verdicts == {"good": "better"}
    assert ask("name seed acc", rows, seed="none").verdicts == {"good": "no difference detected"}


def test_failures_are_rows_and_never_left_out() -> None:
    """Empty cells, NaN, words and states of failure: each is a failed run with its reason."""
    rows: list[tuple[Cell, ...]] = [(n, s, v, "finished") for n, s, v in drawn()]
    rows += [("empty", 0.0, None, "finished"), ("empty", 1.0, 10.0, "finished")]
    rows += [("nan", 0.0, "NaN", "finished"), ("nan", 1.0, 10.0, "finished")]
    rows += [("word", 0.0, "OOM", "finished"), ("state", 0.0, 10.0, "crashed")]
    rows += [("killed", 0.0, None, "TrialState.FAIL"), ("pruned", 0.0, 9.0, "PRUNED")]
    judged = ask("name seed acc state", rows)
    for name in ("empty", "nan", "word", "state", "killed", "pruned"):
        assert judged.verdicts[name] == "failed", name
    by_name = {row.name: row for row in judged.report.rows}
    assert by_name["nan"].statuses == {Status.DIVERGED: 1, Status.FINISHED: 1}
    assert by_name["empty"].verdict_text == "1 of 2 failed: acc empty"
    assert by_name["state"].reason == "state crashed"
    assert by_name["word"].reason == "acc OOM"


def test_runs_that_have_not_ended_are_left_out_and_said() -> None:
    """A running run has no result yet; the note says how many there are."""
    rows = [(*row, "finished") for row in drawn()] + [("good", 9.0, 3.0, "running")]
    judged = ask("name seed acc state", rows)
    assert judged.verdicts["good"] == "better"
    assert any("1 run is not ended and left out: row 21" in note for note in judged.report.notes)


def test_rows_of_an_epoch_each_give_the_last_or_the_best() -> None:
    """Of a history each run counts once, by its last epoch or by its best."""
    rows = [
        (name, seed, float(epoch), value - (3 - epoch) ** 2 - 5 * (epoch == 4))
        for name, seed, value in drawn()
        for epoch in range(5)
    ]
    last = ask("name seed epoch acc", rows)
    assert "step epoch" in last.report.facts["taken for"]
    assert last.report.rows[0].accuracy == pytest.approx(4.0, abs=0.3)
    assert len(last.report.rows[0].accuracies) == 5
    best = ask("name seed epoch acc", rows, take="best")
    assert best.report.rows[0].accuracy == pytest.approx(10.0, abs=0.3)
    assert best.verdicts == last.verdicts


def test_epoch_that_a_run_ended_with_is_no_history() -> None:
    """Early stopping leaves a different last epoch in each run: all of them count."""
    rows = [(name, value, float(30 + 7 * i % 20)) for i, (name, _, value) in enumerate(drawn())]
    judged = ask("name acc epoch", rows, metric="acc")
    assert len(judged.report.rows[0].accuracies) == 5
    assert "step" not in judged.report.facts["taken for"]


@pytest.mark.parametrize("seeds", [True, False])
def test_factors_that_change_together_are_averaged(seeds: bool) -> None:
    """Where runs differ in several columns the designs' model gives each option's own effect."""
    rng = random.Random(1)
    rows = [
        (
            opt,
            aug,
            size,
            float(seed),
            10 + 2 * (opt == "adam") - (aug == "rand") + 0.1 * rng.gauss(0, 1),
        )
        for opt in ("sgd", "adam")
        for aug in ("none", "rand")
        for size in ("s", "m", "l")
        for seed in range(2)
    ]
    judged = ask(
        "opt aug size seed acc",
        rows,
        baseline="opt=sgd,aug=none,size=s",
        seed=None if seeds else "none",
    )
    assert judged.report.comparison.screen is not None
    assert judged.verdicts["opt=adam"] == "better"
    assert judged.verdicts["aug=rand"] == "worse"
    assert judged.verdicts["size=m"] == "no difference detected"
    by_name = {row.name: row for row in judged.report.rows}
    assert by_name["opt=adam"].difference == pytest.approx(2, abs=0.2)
    assert not any("runs=" in note or "darkmagic" in note for note in judged.report.notes)


def test_factors_changed_one_at_a_time_are_compared_with_the_baseline() -> None:
    """Where no run differs in two columns, each is a trial of one change as in a checklist."""
    rng = random.Random(1)
    runs = [("sgd", "none", 0.0), ("adam", "none", 2.0), ("sgd", "rand", 0.0)]
    rows = [(o, a, 10 + g + 0.1 * rng.gauss(0, 1)) for o, a, g in runs for _ in range(4)]
    judged = ask("opt aug acc", rows, baseline="opt=sgd,aug=none")
    assert judged.report.comparison.screen is None
    assert judged.verdicts == {"opt=adam": "better", "aug=rand": "no difference detected"}


@pytest.mark.parametrize("name", ["screen", "combination", "baseline"])
def test_words_of_our_own_are_plain_names_here(name: str) -> None:
    """A column or a trial may be called like something of ours."""
    rows = [(n if n != "good" else name, s, v) for n, s, v in drawn()]
    judged = ask(f"{name} seed acc", rows, baseline="base", trials=(name,))
    assert sorted(judged.verdicts.values()) == ["better", "no difference detected", "worse"]
    assert len(judged.report.rows) == 4
    assert judged.report.comparison.screen is None


def test_names_are_taken_apart_where_all_have_a_seed_in_them() -> None:
    """`mixup-seed0` is seed 0 of mixup; a resnet-18 is no run of resnet."""
    rows = [(f"{name}-seed{seed:g}", value) for name, seed, value in drawn()]
    judged = ask("run acc", rows, baseline="base")
    assert judged.verdicts["good"] == "better"
    assert judged.columns.seed == "seed"
    assert any("base-seed0 is seed 0 of base" in note for note in judged.report.notes)
    plain = ask("run acc", [(f"{n}-{s:g}", v) for n, s, v in drawn()], baseline="base")
    assert plain.verdicts["good"] == "better"
    assert plain.columns.seed is None  # a number does not say that it is a seed
    networks = [(f"resnet-{n}", float(n)) for n in (18, 34, 50)]
    with pytest.raises(UserError, match="resnet-18"):
        ask("run acc", networks)


CASES: list[tuple[str, list[tuple[Cell, ...]], dict[str, Any], str]] = [
    (
        "name seed acc",
        drawn(),
        {"metric": "ac"},
        "--metric: runs.csv has no column 'ac'; did you mean acc",
    ),
    ("name seed acc", drawn(), {"baseline": "bass"}, "no 'bass'; did you mean base"),
    ("name seed acc", drawn(), {"seed": "sede"}, "--seed: .* no column 'sede'; did you mean seed"),
    ("name seed acc", drawn(), {"trials": ("nam",)}, "--trial: .*did you mean name"),
    ("name seed acc", drawn(), {"direction": "mix"}, "no direction 'mix'"),
    ("name seed acc", drawn(), {"min_effect": -1.0}, "--min-effect -1"),
    ("name seed acc", drawn(), {"min_effect": float("nan")}, "--min-effect nan"),
    ("name seed acc", drawn(), {"take": "first"}, "--take first: choose from: last, best"),
    ("name seed acc", drawn(), {"take": "best"}, "--take best needs a row an epoch"),
    ("name seed acc", drawn(), {"count": 3}, "--n 3, but .* has no standard deviations"),
    (
        "name seed acc",
        drawn(),
        {"baseline": "name=bas"},
        "column 'name' has no 'bas'; did you mean base",
    ),
    (
        "name seed acc",
        [*drawn(), ("good", 0.0, 1.0)],
        {},
        "row 6 and row 21 are both seed 0 of good",
    ),
    ("name seed acc", [*drawn(), ("good", None, 1.0)], {}, "row 21 has no seed in column 'seed'"),
    (
        "name seed acc",
        [*drawn(), ("good", 7.0, "0.9x")],
        {"metric": "acc"},
        "row 21: column 'acc' is '0.9x'",
    ),
    (
        "name seed acc",
        [(n, s, "failed") for n, s, _ in drawn()],
        {"metric": "acc"},
        "no run has a number",
    ),
    (
        "name seed acc",
        [r for r in drawn() if r[0] == "base"],
        {"baseline": "base", "trials": ("name",)},
        "runs of the baseline alone",
    ),
    (
        "who seed acc",
        [(f"r{n}", s, v) for n, s, v in drawn()],
        {},
        "which trial .* rbase, rgood, rbad, rsame",
    ),
    (
        "name seed acc f1",
        [(*r, 1.0) for r in drawn()],
        {},
        "which column .* decides\\? Say --metric and one of acc, f1",
    ),
    (
        "opt aug acc",
        [("a", "x", 1.0), ("b", "y", 2.0)],
        {"trials": ("opt", "aug")},
        "such as opt=a,aug=x",
    ),
    (
        "opt aug acc",
        [("a", "x", 1.0), ("b", "y", 2.0)],
        {"trials": ("opt", "aug"), "baseline": "opt=a"},
        "says nothing of aug",
    ),
    (
        "name acc state",
        [("base", 1.0, "purple"), ("b", 2.0, "done")],
        {},
        "column 'state' is 'purple'",
    ),
    ("name text", [("base", "x"), ("b", "y")], {}, "no column of numbers"),
]


@pytest.mark.parametrize(("columns", "rows", "question", "message"), CASES)
def test_unclear_table_or_question_is_one_line_with_what_to_say(
    columns: str, rows: list[tuple[Cell, ...]], question: dict[str, Any], message: str
) -> None:
    """Nothing is guessed where the guess may be wrong: the message says what to say."""
    with pytest.raises(UserError, match=message) as raised:
        ask(columns, rows, **question)
    assert "\n" not in str(raised.value)


def test_same_run_twice_is_counted_once() -> None:
    """A line that is there twice is no second run, and the note says so."""
    rows = drawn()
    judged = ask("name seed acc", [*rows, rows[0]])
    assert len(judged.report.rows[0].accuracies) == 5
    assert any("1 run is there twice and counted once" in note for note in judged.report.notes)


@pytest.mark.parametrize(
    ("rows", "note"),
    [
        (
            [(n, 1.0) for n in "aab" for _ in range(2)] + [("base", 1.0)] * 3,
            "same result: the seed",
        ),
        ([*((n, v) for n, _, v in drawn(8)), *[("copied", 10.0)] * 8], "All 8 runs of copied have"),
    ],
)
def test_results_that_do_not_spread_are_pointed_out(
    rows: list[tuple[str, float]], note: str
) -> None:
    """Runs that agree to the last digit are one run, or their seed was not used."""
    judged = ask("name acc", rows, baseline="base")
    assert any(note in text for text in judged.report.notes)


def test_single_runs_are_not_tested() -> None:
    """One run each tells nothing from luck, and the report says so in the metric's own words."""
    judged = ask("name loss", [("base", 1.0), ("new", 0.9)])
    assert judged.verdicts == {"new": "not tested"}
    assert not judged.meets("no-worse")
    assert any("One run a trial has no error bar" in note for note in judged.report.notes)


@pytest.mark.parametrize(
    ("expectation", "met"),
    [
        ("no-worse", {"good", "same"}),
        ("better", {"good"}),
        ("non-inferior", {"good", "same"}),
        ("equivalent", {"same"}),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_expectation_is_met_by_the_verdicts_that_it_says(
    expectation: str, met: set[str], sign: int
) -> None:
    """Of each trial alone, of all of them, and the same where lower is better."""
    direction = "max" if sign > 0 else "min"
    judged = ask("name seed x", drawn(sign=sign), metric="x", direction=direction, min_effect=0.5)
    assert {name for name in judged.verdicts if judged.meets(expectation, [name])} == met
    assert not judged.meets(expectation)
    assert judged.meets("any-better")
    with pytest.raises(UserError, match="--of 'god': there is no such trial; did you mean good"):
        judged.meets(expectation, ["god"])
    with pytest.raises(UserError, match="--expect 'wors': did you mean no-worse"):
        judged.meets("wors")


def test_expectations_of_a_smallest_effect_need_one() -> None:
    """To be proved no worse by much, somebody must say what much is."""
    for expectation in ("non-inferior", "equivalent"):
        with pytest.raises(UserError, match=f"--expect {expectation} needs --min-effect"):
            ask("name seed acc", drawn()).meets(expectation)


def test_report_gives_no_commands_of_ours() -> None:
    """Advice for runs that were made elsewhere is sentences, without a command to run."""
    report = ask("name seed acc", drawn()).report
    assert report.advice.steps == ()
    assert any("were made elsewhere" in note for note in report.notes)
    assert dataclasses.replace(report, overrides=()).advice.steps != ()


def test_factors_with_as_many_effects_as_runs_are_not_tested() -> None:
    """A saturated table has differences and no verdicts; the note names no option of ours."""
    rows = [("a", "x", "p", 1.0), ("b", "y", "p", 2.0), ("b", "x", "q", 3.0), ("a", "y", "q", 4.0)]
    judged = ask("f g h score", rows, baseline="f=a,g=x,h=p")
    assert set(judged.verdicts.values()) == {"not tested"}
    assert any("as many effects as runs" in note for note in judged.report.notes)
    assert not any("runs=" in note for note in judged.report.notes)


def test_one_trial_at_most_is_the_best_of_many() -> None:
    """The probabilities that a trial is the best of its column add up to 1 at most."""
    rng = random.Random(2)
    rows = [(f"t{n}", 10 + 0.1 * rng.gauss(0, 1)) for n in range(60) for _ in range(3)]
    outlooks = [row.outlook for row in ask("name acc", rows, baseline="t0").report.rows]
    best = [outlook.best for outlook in outlooks if outlook]
    assert len(best) == 59
    assert 0.5 < sum(best) <= 1
