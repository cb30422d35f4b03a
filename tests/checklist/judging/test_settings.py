"""What differs between the runs of one trial, though no name of the trial says so."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.judging.judgement import Judgement, judge_table
from darkmagic.checklist.judging.tables.question import Question
from darkmagic.checklist.judging.tables.table import Cell, RunTable

Draw = Callable[[int, str, int], Cell]


def ask(columns: str, rows: Sequence[Sequence[Cell]], **question: Any) -> Judgement:
    asked = RunTable("runs.csv", tuple(columns.split()), tuple(map(tuple, rows)))
    return judge_table(asked, Question(**question))


def _crossed(extra: Draw) -> list[tuple[Cell, ...]]:
    """Return runs of two trials, with `extra` of a run's number, its trial and its seed."""
    rng = random.Random(3)
    runs = list(itertools.product(("base", "mixup"), range(6)))
    return [
        (name, str(seed), 10 + (name == "mixup") + rng.gauss(0, 0.1), extra(number, name, seed))
        for number, (name, seed) in enumerate(runs)
    ]


@pytest.mark.parametrize(
    ("column", "extra", "told"),
    [
        ("opt", lambda _n, _t, seed: ("sgd", "adam")[seed % 2], True),
        ("lr", lambda _n, _t, seed: (0.1, 0.01)[seed % 2], True),
        ("host", lambda number, _t, _s: ("a", "b")[number % 5 == 0], True),
        ("opt", lambda _n, trial, _s: trial[0], False),  # it goes with the trial
        ("run_id", lambda number, _t, _s: f"{number // 2:08x}", False),
        ("note", lambda number, _t, _s: f"note {number}", False),
        ("best_epoch", lambda number, _t, _s: (7, 8)[number in (2, 3, 7)], False),
        ("val_loss", lambda _n, _t, seed: (0.1, 0.2)[seed % 2], False),  # another result
        ("epoch", lambda number, _t, _s: number % 3, False),
    ],
)
def test_plain_table_says_which_settings_no_trial_tells(
    column: str, extra: Draw, told: bool
) -> None:
    """Values that somebody chose are told from results by their being few and the same again."""
    rows = _crossed(extra)
    judged = ask(f"name seed val_acc {column}", rows, metric="val_acc", trials=["name"])
    remarks = [text for text in judged.report.remarks if "differ in" in text]
    expected = (
        f"Runs of one trial differ in {column}: what that changes is in the spread, or in the "
        f"differences. Where it was tried too, say so: --trial name --trial {column}."
    )
    assert remarks == [expected] * told


FACTORS = [
    (opt, aug, str(seed), 0.5 + 0.01 * seed + 0.1 * (opt == "adam") + 0.05 * (aug == "mix"))
    for opt, aug, seed in itertools.product(("sgd", "adam"), ("none", "mix"), range(3))
]


def test_two_results_of_a_seed_name_the_factor_that_tells_them_apart() -> None:
    """A grid of two settings, of which one was taken for the trial's, says how to judge both."""
    with pytest.raises(UserError, match=r"differ in opt: say --trial aug --trial opt if that was"):
        ask("opt aug seed val_acc", FACTORS)
    found = ask("opt aug seed val_acc", FACTORS, trials=["aug", "opt"], baseline="aug=none,opt=sgd")
    assert set(found.verdicts) == {"aug=mix", "opt=adam"}


@pytest.mark.parametrize("name", ["Random Seed", "random-seed", "seed no", "Fold", "data seed"])
def test_seeds_are_found_by_names_of_several_words(name: str) -> None:
    """A blank or a dash stands for the underscore of such names."""
    rows = [row[:3] for row in _crossed(lambda *_: None)]
    found = judge_table(RunTable("runs.csv", ("name", name, "acc"), tuple(rows)), Question())
    assert found.columns.seed == name


@pytest.mark.parametrize("value", ["0.0", "0", " 0 ", "0e3", "-0.0"])
def test_baseline_of_a_number_may_be_written_in_any_way(value: str) -> None:
    """What Python writes as 0.0 is shown as 0, and either is understood."""
    rows = [(mix, 1.0 + mix + seed / 50) for mix in (0.0, 0.2) for seed in range(3)]
    found = ask("mix acc", rows, trials=["mix"], baseline=value)
    assert found.baseline == {"mix": "0"}


@pytest.mark.parametrize(("of", "met"), [("0.2", True), ("mix=0.2", True), ("0.4", None)])
def test_expectation_may_name_the_option_alone(of: str, met: bool | None) -> None:
    """`--of 0.2` is `mix=0.2` where one trial alone has that option."""
    rows = [(mix, 1.0 + mix + seed / 50) for mix in (0.0, 0.2) for seed in range(3)]
    found = ask("mix acc", rows, trials=["mix"], baseline="0")
    if met is None:
        with pytest.raises(UserError, match="no such trial"):
            found.meets("better", [of])
    else:
        assert found.meets("better", [of]) is met
