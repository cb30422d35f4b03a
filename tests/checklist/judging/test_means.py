"""Tables of means: what published figures prove, and where they disagree with themselves."""

from __future__ import annotations

import statistics
from typing import Any

import numpy as np
import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.judging.judgement import Judgement, judge_table
from darkmagic.checklist.judging.tables.question import Question
from darkmagic.checklist.judging.tables.table import RunTable
from darkmagic.checklist.report.write import write_report

# Mean, standard deviation and published interval of the difference from Mish, 23 runs each: the
# README of digantamisra98/Mish, SqueezeNet on CIFAR-10.
PUBLISHED = {
    "Mish": ("87.48%", "0.3967", "-"),
    "Swish-1": ("87.32%", "0.414", "-0.3975 to 0.0844"),
    "GELU": ("87.37%", "0.472", "-0.3682 to 0.1499"),
    "ReLU": ("86.66%", "0.584", "-1.1179 to -0.5247"),
    "ELU": ("86.41%", "**0.3371**", "-1.2931 to -0.8556"),
    "Leaky ReLU": ("86.85%", "0.4569", "-0.8860 to -0.3774"),
    "SELU": ("83.91%", "0.5995", "-3.8713 to -3.2670"),
    "Tanh": ("83.15%", "0.6887", "-4.6618 to -3.9938"),
    "ISRU": ("86.85%", "0.1106", "-4.4855 to -3.5815"),
}


def _published(rows: dict[str, tuple[str, ...]] = PUBLISHED, **question: Any) -> Judgement:
    table = RunTable(
        "table.md",
        ("Activation", "Mean Accuracy", "Standard Deviation of Accuracy", "95% CI"),
        tuple((name, *cells) for name, cells in rows.items()),
    )
    asked = {"metric": "Mean Accuracy", "baseline": "ReLU", "count": 23, **question}
    return judge_table(table, Question(**asked))


@pytest.mark.parametrize(
    ("name", "difference", "low", "high"),
    [("Leaky ReLU", 0.19, -0.12, 0.50), ("Swish-1", 0.66, 0.36, 0.96)],
)
def test_published_table_gives_the_intervals_of_its_figures(
    name: str, difference: float, low: float, high: float
) -> None:
    """The 95 % intervals are those that means, spreads and 23 runs give by Welch's test."""
    rows = {n: PUBLISHED[n] for n in ("ReLU", name)}
    for judged in (_published(), _published(rows)):
        row = next(r for r in judged.report.rows if r.name == name)
        assert row.own_interval is not None
        assert row.difference == pytest.approx(difference, abs=0.005)
        assert row.own_interval.low == pytest.approx(low, abs=0.02)
        assert row.own_interval.high == pytest.approx(high, abs=0.02)
    verdicts = _published().verdicts
    assert verdicts["Swish-1"] == "better"
    assert verdicts["Leaky ReLU"] == "no difference detected"
    assert verdicts["Tanh"] == "worse"


def test_row_that_disagrees_with_itself_is_noticed() -> None:
    """ISRU's published interval is of another mean, and its spread is far below the others'."""
    notes = _published().report.notes
    about = [note for note in notes if "disagrees with itself" in note]
    assert len(about) == 1
    assert "row 9, ISRU: column '95% CI' has -4.4855 to -3.5815" in about[0]
    assert "from Mish, whose middle is -4.034, but by the means it is -0.63" in about[0]
    assert any("23 runs of ISRU spread by 0.11 points alone" in note for note in notes)


def test_table_that_agrees_with_itself_has_no_such_note() -> None:
    """Rounding of published figures is no disagreement."""
    rows = {name: cells for name, cells in PUBLISHED.items() if name != "ISRU"}
    notes = _published(rows).report.notes
    assert not any("disagrees" in note or "slip" in note for note in notes)


@pytest.mark.parametrize(
    ("cells", "what"),
    [
        (("86.85%", "0.4569", "-0.2860 to 0.2774"), "middle"),
        (("86.85%", "0.04569", "-0.8860 to -0.3774"), "to either side"),
        (("85.86%", "0.4569", "-0.8860 to -0.3774"), "middle"),
    ],
)
def test_slips_of_a_digit_are_noticed(cells: tuple[str, ...], what: str) -> None:
    """A wrong mean, a lost digit of a spread, a wrong interval: each is named with its row."""
    rows = {n: c for n, c in PUBLISHED.items() if n != "ISRU"} | {"Leaky ReLU": cells}
    about = [n for n in _published(rows).report.notes if "disagrees with itself" in n]
    assert len(about) == 1
    assert "Leaky ReLU" in about[0]
    assert what in about[0]


@pytest.mark.parametrize("half", [0.02, 0.2])
def test_intervals_of_the_means_themselves_are_checked_too(half: float) -> None:
    """An interval around a mean is held against its spread and number of runs."""
    rows = {
        name: (mean, "0.5", f"[{float(mean[:-1]) - half:.2f}, {float(mean[:-1]) + half:.2f}]")
        for name, (mean, _, _) in PUBLISHED.items()
    }
    about = [n for n in _published(rows).report.notes if "for the mean" in n]
    assert len(about) == (0 if half == 0.2 else len(rows))


def test_means_are_judged_as_their_runs_would_be() -> None:
    """What is claimed of runs that are not paired is claimed of their means and spreads."""
    rng = np.random.default_rng(4)
    runs = {n: rng.normal(10 + g, 0.3, 6).tolist() for n, g in {"a": 0, "b": 1, "c": 0.1}.items()}
    single = RunTable("r", ("name", "acc"), tuple((n, v) for n, vs in runs.items() for v in vs))
    means = RunTable(
        "m",
        ("name", "acc mean", "acc std", "n"),
        tuple((n, statistics.fmean(v), statistics.stdev(v), 6.0) for n, v in runs.items()),
    )
    one = judge_table(single, Question(baseline="a")).report.comparison
    two = judge_table(means, Question(baseline="a", direction="max")).report.comparison
    for first, second in zip(one.rows, two.rows, strict=True):
        assert first.verdict == second.verdict
        assert second.accuracy == pytest.approx(first.accuracy)
        if first.interval and second.interval:
            assert second.interval.low == pytest.approx(first.interval.low, abs=1e-6)
            assert second.error == pytest.approx(first.error)


def test_no_report_shows_a_run_that_nobody_saw() -> None:
    """Runs that stand for a mean are in no format: what is known of them is."""
    judged = _published()
    shown = write_report(judged.report, "md") + write_report(judged.report, "html")
    assert "23 runs, sd 0.46" in shown
    content = write_report(judged.report, "json")
    assert content.count('"accuracies": {}') == len(PUBLISHED)


@pytest.mark.parametrize(
    ("rows", "question"),
    [
        ({"a": ("86.66 ± 0.58",), "b": ("87.32±0.41",)}, {"count": 23}),
        ({"a": ("86,66 +/- 0,58",), "b": ("87,32 +/- 0,41",)}, {"count": "23"}),
        ({"a": (r"86.66 \\pm 0.58",), "b": (r"87.32 \\pm 0.41",)}, {"count": 23}),
    ],
)
def test_mean_and_spread_may_stand_in_one_cell(
    rows: dict[str, tuple[str, ...]], question: dict[str, Any]
) -> None:
    """`86.66 ± 0.58` is a mean and a standard deviation."""
    table = RunTable(
        "t", ("name", "acc"), tuple((n, c[0].replace("\\\\", "\\")) for n, c in rows.items())
    )
    judged = judge_table(table, Question(metric="acc", baseline="a", **question))
    assert judged.verdicts == {"b": "better"}


@pytest.mark.parametrize(
    ("cells", "question", "message"),
    [
        (("86.85%", "", "-"), {}, "row 6: Leaky ReLU has no standard deviation of its 23 runs"),
        (("86.85%", "-0.4", "-"), {}, "row 6: Leaky ReLU has no standard deviation"),
        (("86.85%", "0.4", "-"), {"count": 0}, "--n 0: need a number of runs of 1 or more"),
        (("86.85%", "0.4", "-"), {"count": "runs"}, "--n: table.md has no column 'runs'"),
        (("86.85%", "0.4", "-"), {"sd": "std"}, "--sd: table.md has no column 'std'"),
        (
            ("86.85%", "0.4", "-"),
            {"count": None, "sd": "Standard Deviation of Accuracy"},
            "of how many runs is each",
        ),
    ],
)
def test_mean_without_its_spread_or_count_is_refused(
    cells: tuple[str, ...], question: dict[str, Any], message: str
) -> None:
    """Nothing is assumed of runs of which nothing is known."""
    with pytest.raises(UserError, match=message):
        _published({**PUBLISHED, "Leaky ReLU": cells}, **question)


def test_two_means_of_one_trial_are_refused() -> None:
    """A trial is there once in a table of means."""
    table = RunTable("t", ("name", "acc"), (("a", "1 ± 1"), ("b", "2 ± 1"), ("b", "3 ± 1")))
    with pytest.raises(UserError, match="row 2 and row 3 are both means of b"):
        judge_table(table, Question(metric="acc", baseline="a", count=3))
