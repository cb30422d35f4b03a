"""What the report's page says and where its marks stand, without any HTML."""

from __future__ import annotations

import dataclasses
import html
import math
import re
from collections.abc import Callable, Sequence
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from darkmagic.checklist.compare.verdicts import Verdict
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.report.curves import Curve
from darkmagic.checklist.report.page.answer import answer_of, join_names
from darkmagic.checklist.report.page.cards import read_card
from darkmagic.checklist.report.page.decisions import further_steps, groups_of
from darkmagic.checklist.report.page.pictures.axis import Axis, round_ticks
from darkmagic.checklist.report.page.pictures.costs import costs_of
from darkmagic.checklist.report.page.pictures.forest import forest_of
from darkmagic.checklist.report.page.pictures.lines import panels_of
from darkmagic.checklist.report.page.recipe import changed_settings
from darkmagic.checklist.report.page.steps import UNSETTLED
from darkmagic.checklist.report.page.words import how_decided
from darkmagic.checklist.report.setup import Setup
from darkmagic.checklist.report.write import write_report
from records import SMALL, report_of, simulated

WIDE = Checklist("wide", tuple(Trick(f"trick_{n}", "s", ("off", "on")) for n in range(12)))
GAINS = {"lr=cosine": 1.5, "mixup=on": -2.0, "stem=relu": 0.3}
FAILED = {"status": Status.FAILED, "accuracy": None, "reason": "OSError: gone"}


def _with(records: Sequence[TrialRecord], name: str, **changes: object) -> list[TrialRecord]:
    return [
        dataclasses.replace(r, **changes) if r.name == name else r  # type: ignore[arg-type]
        for r in records
    ]


SWEEPS: dict[str, tuple[Callable[[], list[TrialRecord]], str]] = {
    "decided": (lambda: simulated(SMALL, 3, GAINS), "Adopt lr=cosine: proved better here."),
    "nothing proved": (lambda: simulated(SMALL, 3), "Of 4 changes none is proved better"),
    "one seed": (lambda: simulated(SMALL, 1), "Nothing is decided: single runs cannot tell"),
    "no run": (list, "Nothing is decided yet: 0 runs to go, 0 done."),
    "a row to go": (
        lambda: _with(simulated(SMALL, 2), "mixup=on", status=Status.RUNNING, accuracy=None),
        "Nothing is decided yet: 2 runs to go, 8 done.",
    ),
    "a row failed": (
        lambda: _with(simulated(SMALL, 3, GAINS), "stem=relu", **FAILED),
        "Adopt lr=cosine: proved better here.",
    ),
    "all failed": (
        lambda: [dataclasses.replace(r, **FAILED) for r in simulated(SMALL, 2)],
        "Nothing was trained: no run has a result (OSError: gone).",
    ),
}


@pytest.mark.parametrize(("make", "said"), SWEEPS.values(), ids=[*SWEEPS])
def test_answer_is_a_sentence_with_at_most_three_numbers(
    make: Callable[[], list[TrialRecord]], said: str
) -> None:
    """Whatever stage a sweep is at, and every row is in one group of what to do."""
    report = report_of(make())
    answer = answer_of(report)
    assert answer.sentence.startswith(said)
    assert len(answer.figures) <= 3
    assert all(figure.number and figure.label for figure in answer.figures)
    grouped = [d.row.name for group in groups_of(report) for d in group.decisions]
    assert sorted(grouped) == sorted(row.name for row in report.comparison.tricks)
    assert all(paragraph.endswith(".") for paragraph in how_decided(report))


@pytest.mark.parametrize("sweep", SWEEPS)
def test_answer_stands_on_the_page_once(sweep: str) -> None:
    """The advice below does not say it again, nor what each row says of itself."""
    report = report_of(SWEEPS[sweep][0]())
    body = _words(write_report(report, "html"))
    assert body.count(answer_of(report).sentence) == 1
    groups = groups_of(report)
    for sentence in {*report.advice.sentences} - {answer_of(report).sentence}:
        assert body.count(sentence) <= (sentence in report.advice.whole), sentence
    for step in further_steps(report, groups):
        assert step in report.advice.steps
        assert step[1] not in {d.command for group in groups for d in group.decisions}


@pytest.mark.parametrize(("gain", "own_first"), [(0.4, True), (-0.3, False)])
def test_step_that_several_rows_share_is_said_once(gain: float, own_first: bool) -> None:
    """Rows with a command of their own stand apart, first where the best row is one of them."""
    report = report_of(simulated(WIDE, 3, {"trick_0=on": gain}), WIDE)
    (group,) = (group for group in groups_of(report) if group.kind == "undecided")
    assert group.parts[0].decisions[0] == group.decisions[0]
    own, shared = group.parts if own_first else reversed(group.parts)
    assert own.shared is None
    assert all(decision.command for decision in own.decisions)
    assert shared.shared is not None
    assert shared.shared.why == UNSETTLED
    assert len(shared.decisions) > 6
    rows = [d.row.name for part in group.parts for d in part.decisions]
    assert sorted(rows) == sorted(d.row.name for d in group.decisions)
    page = _words(write_report(report, "html"))
    assert page.count(UNSETTLED[1:]) == 1
    assert f"These {len(shared.decisions)}: e{UNSETTLED[1:]}" in page


def test_largest_loss_is_dropped_first() -> None:
    """What to leave out is sorted by how much it costs, as the sentence beside it is."""
    gains = {"lr=cosine": -1.0, "mixup=on": -3.0, "stem=relu": -2.0}
    groups = {group.kind: group for group in groups_of(report_of(simulated(SMALL, 3, gains)))}
    names = [decision.row.name for decision in groups["worse"].decisions]
    assert names == ["mixup=on", "stem=relu", "lr=cosine"]


@pytest.mark.parametrize("gain", [1.5, 0.0])
def test_recipe_says_whether_anything_in_it_is_proved(gain: float) -> None:
    """Where nothing is, what is there to take away is the baseline's."""
    page = _words(write_report(report_of(simulated(SMALL, 3, {"lr=cosine": gain})), "html"))
    assert ("The recipe with what is proved" in page) == (gain > 0)
    assert ("The baseline's recipe, as nothing is proved better" in page) == (gain == 0)


def _words(page: str) -> str:
    """Return the text of a page's main part, without the marks within names."""
    main = page.partition("<main>")[2]
    return html.unescape(re.sub(r"</?(span|wbr)[^>]*>", "", main))


def test_rows_are_adopted_dropped_or_settled_with_one_command_each() -> None:
    """What is proved goes into the baseline; what is open has the seeds that would settle it."""
    records = simulated(SMALL, 3, {"lr=cosine": 1.5, "mixup=on": -2.0, "stem=relu": 0.4})
    report = report_of(_with(records, "stem=swish", **FAILED))
    groups = {group.kind: group.decisions for group in groups_of(report)}
    (adopt,) = groups["better"]
    assert adopt.row.name == "lr=cosine"
    assert adopt.command == "darkmagic checklist run dataset=digits seeds=3 trick/lr=cosine"
    assert adopt.effect.endswith(" points")
    assert adopt.cost.endswith(" time a step")
    (drop,) = groups["worse"]
    assert drop.row.name == "mixup=on"
    assert (drop.why, drop.command) == ("Nothing to train: the baseline has trick/mixup=off", "")
    (broken,) = groups["none"]
    assert broken.note == "3 of 3 failed: OSError: gone"
    assert (broken.command, broken.why.partition(",")[0]) == ("", "To see why")
    for decision in groups.get("undecided", ()):
        command = f"only={decision.row.name}"
        assert decision.command.endswith(command) or decision.why == UNSETTLED


def test_runs_made_elsewhere_have_no_commands() -> None:
    """There is no command of ours that trains them."""
    report = report_of(simulated(SMALL, 3, GAINS), overrides=None)
    assert {d.command for group in groups_of(report) for d in group.decisions} == {""}


def test_forest_is_sorted_and_within_the_picture() -> None:
    """The largest gain is on top, marks are within 0 and 100 percent, and zero is in the middle."""
    report = report_of(_with(simulated(SMALL, 3, GAINS), "stem=swish", **FAILED))
    forest = forest_of(report)
    assert [line.row.name for line in forest.lines] == [
        "lr=cosine",
        "stem=relu",
        "mixup=on",
        "stem=swish",
    ]
    assert forest.zero == 50
    for line in forest.lines[:-1]:
        assert line.low is not None
        assert line.dot is not None
        assert line.high is not None
        assert 0 <= line.low <= line.dot <= line.high <= 100
        assert line.row.verdict is not Verdict.BETTER or line.low > forest.zero
    assert forest.lines[-1].dot is None
    (published,) = next(line for line in forest.lines if line.row.name == "mixup=on").marks
    assert published.text == "+0.97 (M, D, S; Source)"
    assert forest_of(report_of([])).lines == ()


@given(
    st.floats(-1e6, 1e6, allow_nan=False),
    st.floats(1e-6, 1e6, allow_nan=False),
    st.integers(3, 9),
)
def test_ticks_are_few_round_and_within(low: float, width: float, most: int) -> None:
    """Whatever the interval, they are evenly apart and no more than asked for."""
    high = low + width
    ticks = round_ticks(low, high, most)
    assert len(ticks) <= most
    slack = 1e-6 * max(abs(low), abs(high), width)
    assert all(low - slack <= tick <= high + slack for tick in ticks)
    gaps = np.diff(ticks)
    assert np.allclose(gaps, gaps[:1], rtol=1e-3, atol=slack)
    axis = Axis(low, high)
    assert all(0 <= tick.at <= 100 for tick in axis.ticks(most))


@pytest.mark.parametrize("values", [[0.0] * 5, [math.nan] * 5, [0.1, math.nan, 0.3, 0.4, 0.5]])
def test_curves_without_a_value_are_drawn_all_the_same(values: list[float]) -> None:
    """A run that diverged has epochs without a number, which are left out of its line."""
    report = report_of(simulated(SMALL, 2))
    own = np.array(values)
    curve = Curve(np.arange(1, 6), own, own, own)
    curves = {"value": {**report.curves["value"], "mixup=on": curve}}
    for found in (curves, {"value": dict.fromkeys(report.curves["value"], curve)}):
        (panel,) = panels_of(dataclasses.replace(report, curves=found))
        line = next(series for series in panel.series if series.name == "mixup=on")
        assert len(line.points.split()) == int(np.isfinite(own).sum())
        assert "nan" not in line.points


def test_cost_names_rows_that_stand_out_with_letters_apart() -> None:
    """Letters never lie over one another, however close the points are."""
    report = report_of(simulated(SMALL, 3, {"lr=cosine": 2.0, "stem=relu": 2.0, "stem=swish": 2.0}))
    costs = costs_of(report)
    assert costs is not None
    named = sorted((p.letter, p.letter_y) for p in costs.points if p.letter)
    assert [letter for letter, _ in named] == list("ABCDEF"[: len(named)])
    assert len(named) >= 3
    assert all(a - b >= 5 or b == 0 for (_, a), (_, b) in pairwise(named))
    assert costs_of(report_of([])) is None


def test_settings_are_those_that_differ_from_the_baseline() -> None:
    """Seeds and what cannot change a result are left out, and what a row is without is empty."""
    settings = {
        "baseline": {"lr": "0.1", "seed": "0", "runtime.out": "a", "tricks.x.y": "1"},
        "lr=cosine": {"lr": "0.2", "seed": "1", "runtime.out": "b"},
        "mixup=on": {"lr": "0.1", "seed": "0", "tricks.x.y": "1"},
    }
    report = report_of(simulated(SMALL, 1), setup=Setup(settings=settings))
    assert changed_settings(report) == {
        "": {"lr": "0.1", "tricks.x.y": "1"},
        "lr=cosine": {"lr": "0.2", "tricks.x.y": ""},
        "mixup=on": {},
    }
    assert changed_settings(report_of([])) == {}


@pytest.mark.parametrize(
    ("names", "text"), [([], ""), (["a"], "a"), ("ab", "a and b"), ("abc", "a, b and c")]
)
def test_names_are_joined_as_one_says_them(names: Sequence[str], text: str) -> None:
    """With an "and" before the last."""
    assert join_names(list(names)) == text


@pytest.mark.parametrize(
    "text", ["", "\n", "one line", "What:", "Published:\n- none found", "a:\nb"]
)
def test_any_text_is_a_card(text: str) -> None:
    """A card without headings is its first paragraph, and none is an empty one."""
    card = read_card(text)
    assert all(heading and isinstance(items, tuple) for heading, items in card.parts)


def test_every_card_of_ours_is_taken_apart(report_cards: dict[str, str]) -> None:
    """Each has what it is, why, and when it helps, under headings of its own."""
    for name, text in report_cards.items():
        headings = [heading for heading, _ in read_card(text).parts]
        assert {"What", "Why", "When it helps"} <= set(headings), name


@pytest.fixture(scope="module")
def report_cards(repo: object) -> dict[str, str]:
    """Return the docstring of each trick's module, which is its card."""
    import ast
    from pathlib import Path

    assert isinstance(repo, Path)
    found = {}
    for path in sorted((repo / "trainers" / "tricks").glob("[a-z]*.py")):
        card = ast.get_docstring(ast.parse(path.read_text())) or ""
        if "\nWhy:" in card:
            found[path.stem] = card
    assert len(found) > 20
    return found
