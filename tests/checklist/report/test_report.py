"""The report's formats, from one comparison."""

from __future__ import annotations

import csv
import io
import json
import re
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree as ET

import jsonschema
import pytest

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.report.curves import Curve, curve, thinned
from darkmagic.checklist.report.formatting import p_value, points
from darkmagic.checklist.report.plots.all import draw_plots
from darkmagic.checklist.report.plots.style import standalone
from darkmagic.checklist.report.write import FORMATS, write_report
from darkmagic.checklist.report.writers.latex import escape
from records import SMALL, hostile_report, report_of, simulated, swept


@pytest.mark.parametrize("form", FORMATS)
def test_same_report_same_text(form: str) -> None:
    """Nothing in it depends on the clock or on chance."""
    assert write_report(hostile_report(), form) == write_report(hostile_report(), form)


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("records", [[], swept({"baseline": [90.0]}), simulated(SMALL, 1)])
def test_every_stage_of_a_sweep_has_a_report(form: str, records: list[object]) -> None:
    """Before the first run, after it, and after one seed."""
    assert write_report(report_of(records), form)  # type: ignore[arg-type]


def test_unknown_format_is_named() -> None:
    """With the nearest one."""
    with pytest.raises(UserError, match="did you mean html"):
        write_report(hostile_report(), "htm")


VOID = {"meta", "link", "line", "br", "path", "use", "rect"}


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
    page = write_report(hostile_report(), "html")
    tags = _Tags()
    tags.feed(page)
    assert not tags.open
    assert all(address.startswith("#") or address == "data:," for address in tags.addresses)
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
    drawn = draw_plots(hostile_report())
    assert set(drawn) == {"effects", "curves", "schedules", "cost"}
    for svg in drawn.values():
        root = ET.fromstring(standalone(svg))
        assert root.tag.endswith("svg")
    assert "lr=cosine" in drawn["effects"]
    assert draw_plots(report_of([], curves={})) == {}


def test_markdown_escapes_what_would_break_the_table() -> None:
    """Every row has as many cells as the header."""
    lines = write_report(hostile_report(), "md").splitlines()
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
    lines = write_report(hostile_report(), "tex").splitlines()
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
    content = json.loads(write_report(hostile_report(), "json"))
    jsonschema.validate(content, schema)
    del content["rows"][0]["verdict"]
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(content, schema)


def test_csv_is_a_line_a_trial() -> None:
    """With every run's accuracy."""
    rows = list(csv.DictReader(io.StringIO(write_report(hostile_report(), "csv"))))
    assert rows[0]["trial"] == "baseline"
    assert {len(row["accuracies"].split()) for row in rows if row["verdict"] != "failed"} == {3}
    better = next(row for row in rows if row["trial"] == "lr=cosine")
    assert float(better["difference_points"]) == pytest.approx(1.5, abs=0.5)


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
