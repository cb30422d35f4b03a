"""What a report puts beside its rows: their order, what to do next, what was published."""

from __future__ import annotations

import dataclasses
import re

import pytest

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.metric import ACCURACY, Metric
from darkmagic.checklist.records import Status
from darkmagic.checklist.report.advice.advise import advise
from darkmagic.checklist.report.advice.commands import checklist_command
from darkmagic.checklist.report.advice.picks import winners
from darkmagic.checklist.report.content import Sort
from darkmagic.checklist.report.page.decisions import groups_of
from darkmagic.checklist.report.published import published_effects
from records import SMALL, hostile_report, record, report_of, simulated, swept


def test_rows_are_best_first_within_their_section_or_as_in_the_checklist() -> None:
    """The sections keep their order."""
    records = simulated(SMALL, 3, {"stem=swish": 2.0})
    best = [row.name for row in report_of(records).rows]
    assert best == ["baseline", "lr=cosine", "mixup=on", "stem=swish", "stem=relu"]
    listed = [row.name for row in report_of(records, sort=Sort.CHECKLIST).rows]
    assert listed == ["baseline", "lr=cosine", "mixup=on", "stem=relu", "stem=swish"]


def test_advice_names_what_to_do_and_the_command() -> None:
    """Adopt, keep, undecided with its price, and how to confirm."""
    advice = report_of(
        simulated(SMALL, 3, {"lr=cosine": 1.5, "mixup=on": -2.0, "stem=relu": 1.0}, spread=0.3)
    ).advice
    text = " ".join(advice.sentences)
    assert "Adopt lr=cosine (+1." in text
    assert "Keep the baseline's choice instead of mixup=on (-" in text
    assert "stem=relu (expect +0.33, 97 % likely to help)" in text
    assert "2 trials are undecided" in text
    assert "would settle that row with a probability of" in text
    commands = [command for _, command in advice.steps]
    assert commands[-1] == "darkmagic checklist confirm dataset=digits"
    assert re.fullmatch(
        r"darkmagic checklist run dataset=digits seeds=\+\d+ only=stem=relu", commands[0]
    )


def test_advice_adopts_one_option_of_a_trick() -> None:
    """Of two options that are proved better the page and the advice say which gains more."""
    report = report_of(simulated(SMALL, 5, {"stem=relu": 2.0, "stem=swish": 4.0, "mixup=on": 3.0}))
    first, second = (re.sub(r" \(\S+\)", "", text) for text in report.advice.sentences[:2])
    assert first == "Adopt stem=swish and mixup=on: proved better here."
    assert second == "Proved better too, by less than another: stem=relu."
    adopt = groups_of(report)[0].decisions
    assert {decision.row.name: decision.note for decision in adopt} == {
        "stem=swish": "",
        "mixup=on": "",
        "stem=relu": "another option of stem gains more",
    }


def test_advice_after_single_runs_is_to_get_error_bars() -> None:
    """With the recommended setting."""
    advice = report_of(simulated(SMALL, 1)).advice
    assert "single runs cannot tell a trick from luck" in advice.sentences[0]
    assert advice.steps[0][1].endswith("seeds=3")


def test_advice_while_runs_are_missing_is_to_go_on() -> None:
    """With what trains the runs that wait and no others."""
    records = [*simulated(SMALL, 2), record("lr=cosine", 2, None, status=Status.PENDING)]
    (step,) = report_of(records).advice.steps
    command = "darkmagic checklist run dataset=digits seeds=3 'only=[lr=cosine]'"
    assert step == ("Go on with", command)


@pytest.mark.parametrize("seeds", [1, 3])
def test_advice_to_go_on_has_the_seeds_of_the_sweep(seeds: int) -> None:
    """A sweep of three seeds that ended early went on with one, and stayed without its verdicts."""
    records = [
        dataclasses.replace(r, status=Status.PENDING, accuracy=None, correct=None)
        if r.name != "baseline" and r.seed == seeds - 1
        else r
        for r in simulated(SMALL, seeds)
    ]
    words = [f"seeds={seeds}"] if seeds > 1 else []
    step = ("Go on with", checklist_command("run", ["dataset=digits", *words]))
    assert step in report_of(records).advice.steps


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (["mixup=on"], "only=[mixup]"),
        (["stem=relu", "stem=swish"], "only=[stem]"),
        (["stem=relu", "lr=cosine"], "only=[lr,stem]"),
    ],
)
@pytest.mark.parametrize("waiting", [False, True])
def test_advice_after_a_part_of_the_checklist_is_for_that_part(
    rows: list[str], words: str, waiting: bool
) -> None:
    """Whoever asked for `only=[mixup]` is not told to train all the others."""
    records = [each for each in simulated(SMALL, 1) if each.name in ["baseline", *rows]]
    if waiting:
        records += [record(row, 1, None, status=Status.PENDING) for row in rows]
    shown = dict(report_of(records).advice.steps)
    command = shown["Go on with"] if waiting else shown["To get error bars"]
    seeds = ["seeds=2"] if waiting else ["seeds=3"]
    assert command == checklist_command("run", ["dataset=digits", *seeds, words])


def test_what_cannot_matter_is_said() -> None:
    """Rows inside the smallest effect that would matter."""
    comparison = compare(SMALL, simulated(SMALL, 5, images=None), Rules(min_effect=1.0))
    assert "Choose freely" in " ".join(advise(comparison, ()).sentences)


def test_winners_are_the_best_option_of_each_trick() -> None:
    """Only of those that are better."""
    gains = {"stem=relu": 1.0, "stem=swish": 2.0, "lr=cosine": 1.5, "mixup=on": -1.0}
    comparison = compare(SMALL, simulated(SMALL, 5, gains))
    assert winners(comparison) == {"lr": "cosine", "stem": "swish"}


CARD = """mixup: blends.

Source: someone.
Published:
- on against off: +0.97; ResNet-50; ImageNet; 300
  epochs; PaddleClas
- off against on: -0.1; M; D; S; X
- cosine against cycles: none found.
"""


def test_published_effects_are_read_from_the_card() -> None:
    """With their setting; lines without a number are none."""
    first, second = published_effects(CARD)
    assert (first.option, first.against, first.points) == ("on", "off", 0.97)
    assert first.setting == "ResNet-50, ImageNet, 300 epochs"
    assert second.points == -0.1
    assert published_effects("no such section") == []
    with pytest.raises(ValueError, match="needs model; data; schedule; source"):
        published_effects("Published:\n- on against off: +1.0; only this")


def test_a_row_shows_what_was_published_for_its_change() -> None:
    """And with the other sign where the baseline is the other option."""
    row = next(r for r in hostile_report().rows if r.name == "mixup=on")
    assert [e.points for e in hostile_report().published(row)] == [0.97]
    reversed_list = dataclasses.replace(
        SMALL, tricks=(dataclasses.replace(SMALL.tricks[1], options=("on", "off")),)
    )
    report = report_of(
        swept({"baseline": [90.0], "mixup=off": [91.0]}), reversed_list, cards={"mixup": CARD}
    )
    assert [e.points for e in report.published(report.rows[1])] == [-0.97, -0.1]


def test_published_effects_say_of_which_metric_they_are() -> None:
    """They are of accuracy: beside another metric a note says so."""
    records = swept({"baseline": [90.0], "mixup=on": [91.0]})
    top5 = Rules(metric=Metric("validation top-5 accuracy", unit="%", scale=100.0))
    notes = {
        rules.metric.name: report_of(records, comparison=compare(SMALL, records, rules)).notes
        for rules in (Rules(), top5)
    }
    said = "What others published is of top-1 accuracy, not of validation top-5 accuracy."
    assert [name for name, found in notes.items() if said in found] == [top5.metric.name]
    assert "top-1" not in " ".join(notes[ACCURACY.name])
