"""The facts above the answer: what was asked, and of how many runs."""

from __future__ import annotations

import pytest

from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.formatting import count_of
from darkmagic.checklist.report.page.answer import answer_of
from darkmagic.checklist.report.page.asked import on_what
from records import SMALL, report_of, simulated
from screens import ARTICLE, screen_of, screened

RUNS = {
    "one seed": (report_of(simulated(SMALL, 1)), "5 in 5 trials"),
    "seeds": (report_of(simulated(SMALL, 3)), "15 in 5 trials, up to 3 seeds"),
    "screen": (
        report_of(screened(screen_of(24), {}), ARTICLE),
        "24 that mix the options of all tricks",
    ),
}


@pytest.mark.parametrize(("report", "text"), RUNS.values(), ids=RUNS)
def test_runs_are_told_as_they_were_arranged(report: Report, text: str) -> None:
    """No run of a screen is one of a trial's, and its seeds are no repeats."""
    assert dict(on_what(report))["Runs"] == text
    told = {figure.label: figure.number for figure in answer_of(report).figures}
    assert told["runs with a result"] == text.split(maxsplit=1)[0]


def test_plurals_are_english() -> None:
    """A noun that ends in s takes es."""
    assert [count_of(2, noun) for noun in ("run", "class")] == ["2 runs", "2 classes"]
