"""The report's formats, from one comparison."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from darkmagic.checklist.advice import advise, winners
from darkmagic.checklist.comparison import compare
from darkmagic.checklist.curves import Curve, curve, thinned
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.formatting import p_value, points
from darkmagic.checklist.plots.all import draw_plots
from darkmagic.checklist.published import published_effects
from darkmagic.checklist.records import Status
from darkmagic.checklist.report import FORMATS, Report, Sort, write_report
from darkmagic.checklist.report_latex import escape
from darkmagic.checklist.rows import Rules
from records import SMALL, record, report_of, simulated, swept

HOSTILE = "<script>alert('x')</script> | `a` *b* & 5_%"
VOID = {"meta", "line", "br", "path", "use", "rect"}


def _report(seeds: int = 3) -> Report:
    gains = {"lr=cosine": 1.5, "mixup=on": -2.0, "stem=relu": 0.3}
    records = [
        dataclasses.replace(r, status=Status.FAILED, accuracy=None, reason="OSError: " + HOSTILE)
        if r.name == "stem=swish"
        else r
        for r in simulated(SMALL, seeds, gains)
    ]
    return report_of(records, title="digits: " + HOSTILE, facts={"machine": HOSTILE})


@pytest.mark.parametrize("form", FORMATS)
def test_same_report_same_text(form: str) -> None:
    """Nothing in it depends on the clock or on chance."""
    assert write_report(_report(), form) == write_report(_report(), form)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("records", [[], swept({"baseline": [90.0]}), simulated(SMALL, 1)])
def test_every_stage_of_a_sweep_has_a_report(form: str, records: list[object]) -> None:
    """Before the first run, after it, and after one seed."""
    assert write_report(report_of(records), form)  # type: ignore[arg-type]


def test_unknown_format_is_named() -> None:
    """With the nearest one."""
    with pytest.raises(UserError, match="did you mean html"):
        write_report(_report(), "htm")


class _Tags(HTMLParser):
    """Checks that tags close in the order in which they opened."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.text: list[str] = []
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href")]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.addresses += [v or "" for k, v in attrs if k in ("src", "href", "xlink:href")]

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_html_is_whole_and_needs_nothing_else() -> None:
    """Well nested, hostile words escaped, no address of anything outside, under a megabyte."""
    page = write_report(_report(), "html")
    tags = _Tags()
    tags.feed(page)
    assert not tags.open
    assert all(address.startswith("#") for address in tags.addresses)
    assert "url(http" not in page
    assert "<script>alert" not in page
    assert len(page.encode()) < 1_000_000
    text = " ".join(" ".join(tags.text).split())
    headings = ("Learning curves", "Schedules as they were run", "Cost against gain")
    for words in ("lr=cosine", *headings):
        assert words in text
    assert "darkmagic train trick=mixup=on" in text
    assert "mixup: blends" in text


def test_plots_stand_alone_too() -> None:
    """Well-formed files with text that can be searched; none for what there is nothing of."""
    drawn = draw_plots(_report())
    assert set(drawn) == {"effects", "curves", "schedules", "cost"}
    for svg in drawn.values():
        root = ET.fromstring(svg)
        assert root.tag.endswith("svg")
    assert "lr=cosine" in drawn["effects"]
    assert draw_plots(report_of([], curves={})) == {}


def test_markdown_escapes_what_would_break_the_table() -> None:
    """Every row has as many cells as the header."""
    lines = write_report(_report(), "md").splitlines()
    table = [line for line in lines if line.startswith("| ")]
    cells = {len(re.findall(r"(?<!\\)\|", line)) for line in table}
    assert len(cells) == 1
    assert not any("<script>" in line for line in lines)
    assert any("+0.97" in line and "Source" in line for line in lines)


def test_latex_escapes_what_would_be_commands() -> None:
    """Every special character, and as many columns in every row."""
    assert escape(r"a_b & 5% \x {y} ~ ^ #1 $2 <3>") == (
        r"a\_b \& 5\% \textbackslash{}x \{y\} \textasciitilde{} \textasciicircum{} "
        r"\#1 \$2 \textless{}3\textgreater{}"
    )
    lines = write_report(_report(), "tex").splitlines()
    rows = [line for line in lines if line.endswith(r"\\") and "multicolumn" not in line]
    assert {len(re.findall(r"(?<!\\)&", line)) for line in rows} == {6}
    assert len(rows) == 6
    for begin in ("tabular", "table"):
        assert sum(rf"\begin{{{begin}}}" in line for line in lines) == 1
        assert sum(rf"\end{{{begin}}}" in line for line in lines) == 1


def test_json_is_as_its_schema_says(repo: Path) -> None:
    """And every key that it has is in the schema."""
    schema = json.loads((repo / "docs" / "report.schema.json").read_text())
    for records in (simulated(SMALL, 3), simulated(SMALL, 1), []):
        jsonschema.validate(json.loads(write_report(report_of(records), "json")), schema)
    content = json.loads(write_report(_report(), "json"))
    jsonschema.validate(content, schema)
    del content["rows"][0]["verdict"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema)


def test_csv_is_a_line_a_trial() -> None:
    """With every run's accuracy."""
    rows = list(csv.DictReader(io.StringIO(write_report(_report(), "csv"))))
    assert rows[0]["trial"] == "baseline"
    assert {len(row["accuracies"].split()) for row in rows if row["verdict"] != "failed"} == {3}
    better = next(row for row in rows if row["trial"] == "lr=cosine")
    assert float(better["difference_points"]) == pytest.approx(1.5, abs=0.5)


def test_rows_are_best_first_within_their_section_or_as_in_the_checklist() -> None:
    """The sections keep their order."""
    records = simulated(SMALL, 3, {"stem=swish": 2.0})
    best = [row.name for row in report_of(records).rows]
    assert best == ["baseline", "lr=cosine", "mixup=on", "stem=swish", "stem=relu"]
    listed = [row.name for row in report_of(records, sort=Sort.CHECKLIST).rows]
    assert listed == ["baseline", "lr=cosine", "mixup=on", "stem=relu", "stem=swish"]


def test_advice_names_what_to_do_and_the_command() -> None:
    """Adopt, keep, undecided with its price, and how to confirm."""
    advice = _report().advice
    said = " ".join(advice.sentences)
    assert "Adopt lr=cosine (+1." in said
    assert "Keep the baseline's choice instead of mixup=on (-" in said
    assert "stem=relu is undecided" in said
    commands = [command for _, command in advice.steps]
    assert commands[-1] == "darkmagic checklist confirm dataset=digits"
    assert re.fullmatch(
        r"darkmagic checklist run dataset=digits seeds=\+\d+ only=undecided", commands[0]
    )


def test_advice_after_single_runs_is_to_get_error_bars() -> None:
    """With the recommended setting."""
    advice = report_of(simulated(SMALL, 1)).advice
    assert "single runs cannot tell a trick from luck" in advice.sentences[0]
    assert advice.steps[0][1].endswith("seeds=3 baseline_repeats=6")


def test_advice_while_runs_are_missing_is_to_go_on() -> None:
    """With the same command."""
    records = [*simulated(SMALL, 2), record("lr=cosine", 2, None, status=Status.PENDING)]
    (step,) = report_of(records).advice.steps
    assert step == ("Go on with", "darkmagic checklist run dataset=digits")


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
    row = next(r for r in _report().rows if r.name == "mixup=on")
    assert [e.points for e in _report().published(row)] == [0.97]
    reversed_list = dataclasses.replace(
        SMALL, tricks=(dataclasses.replace(SMALL.tricks[1], options=("on", "off")),)
    )
    report = report_of(
        swept({"baseline": [90.0], "mixup=off": [91.0]}), reversed_list, cards={"mixup": CARD}
    )
    assert [e.points for e in report.published(report.rows[1])] == [-0.97, -0.1]


def test_curves_are_means_and_ranges_over_seeds() -> None:
    """Also of runs that ended early."""
    made = curve([{1: 0.5, 2: 0.6}, {1: 0.7}])
    assert made is not None
    assert made.mean.tolist() == pytest.approx([0.6, 0.6])
    assert (made.low[0], made.high[0]) == (0.5, 0.7)
    assert curve([]) is None
    import numpy as np

    long = Curve(*(np.arange(1000) for _ in range(4)))  # type: ignore[arg-type]
    assert len(thinned(long).epochs) <= 120
    assert thinned(long).epochs[[0, -1]].tolist() == [0, 999]


def test_numbers_are_shown_without_negative_zeros() -> None:
    """And tiny p values as a bound."""
    assert points(-0.001) == "+0.00"
    assert points(-0.01) == "-0.01"
    assert (p_value(0.0001), p_value(0.0312)) == ("<0.001", "0.031")
