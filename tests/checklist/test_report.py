"""The report's formats, from one comparison."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from html.parser import HTMLParser

import pytest

from darkmagic.checklist.comparison import compare
from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.records import Costs, Status, TrialRecord
from darkmagic.checklist.report import FORMATS, Report, write_report

HOSTILE = "<script>alert('x')</script> | `a` *b*"
VOID = {"meta", "line", "br"}


def _report(seeds: int = 2) -> Report:
    checklist = Checklist("c", (Trick("lr", "training scheme", ("a", "b", "c")),))
    base = TrialRecord(None, None, "", 0, Status.FINISHED, accuracy=0.9, costs=Costs(1.0, 2, 3, 4))
    records = [dataclasses.replace(base, seed=s, accuracy=0.9 + s / 100) for s in range(seeds)]
    for seed in range(seeds):
        better = dataclasses.replace(base, trick="lr", option="b", section="training scheme")
        records.append(dataclasses.replace(better, seed=seed, accuracy=0.95 + seed / 80))
        records.append(
            dataclasses.replace(
                better, option="c", seed=seed, status=Status.FAILED, accuracy=None, reason=HOSTILE
            )
        )
    facts = {"machine": HOSTILE, "commit": "abc"}
    return Report("digits: " + HOSTILE, compare(checklist, records), facts, (("next", "run"),))


@pytest.mark.parametrize("form", FORMATS)
def test_same_report_same_text(form: str) -> None:
    """Nothing in it depends on the clock or on chance."""
    assert write_report(_report(), form) == write_report(_report(), form)


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
        self.tags: set[str] = set()

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: object) -> None:
        self.tags.add(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def test_html_is_whole_and_needs_no_network() -> None:
    """Well-formed, nothing hostile gets through, nothing is loaded."""
    page = write_report(_report(), "html")
    parser = _Tags()
    parser.feed(page)
    assert parser.open == []
    assert "script" not in parser.tags
    assert HOSTILE in "".join(parser.text)
    assert not re.search(r"https?:|src=|@import|url\(", page)
    assert "prefers-color-scheme: dark" in page
    assert len(page) < 100_000


def test_csv_round_trips() -> None:
    """One line a trial, numbers as numbers."""
    rows = list(csv.DictReader(io.StringIO(write_report(_report(), "csv"))))
    assert [row["trial"] for row in rows] == ["baseline", "lr=b", "lr=c"]
    assert float(rows[1]["difference_points"]) == pytest.approx(5.125)
    assert rows[2]["status"] == "failed"
    assert rows[2]["reason"] == HOSTILE


def test_json_has_every_seed() -> None:
    """And says which schema it follows."""
    content = json.loads(write_report(_report(), "json"))
    assert content["schema"] == 1
    assert content["rows"][1]["accuracies"] == {"0": 95.0, "1": pytest.approx(96.25)}
    assert content["rows"][1]["interval_low"] < content["rows"][1]["difference_points"]


def test_markdown_table_has_its_columns() -> None:
    """Every row as many cells as the head, hostile notes made harmless."""
    text = write_report(_report(), "md")
    table = [line for line in text.splitlines() if line.startswith("|")]
    assert len({len(re.findall(r"(?<!\\)\|", line)) for line in table}) == 1
    assert "95 % interval" in table[0]
    assert "\n- baseline" not in text
    assert "<script>" not in text.split("\n", 1)[1].replace("\\<script\\>", "")
    assert "95 % interval" not in write_report(_report(seeds=1), "md")
