"""The comparison in a terminal: at the widths that terminals have, light and dark."""

from __future__ import annotations

import dataclasses
import io
import re
from typing import Any

import pytest
from rich.console import Console

from darkmagic.checklist.model import Checklist
from darkmagic.checklist.records import Status
from darkmagic.checklist.report.content import Report
from darkmagic.cli.views.comparison import comparison_view
from darkmagic.cli.views.power import budget_line, power_view, undecided_view
from darkmagic.cli.views.several import compared_view, summary_view
from darkmagic.sweeps import api
from darkmagic.sweeps.track.rules import METRICS
from records import SMALL, report_of, simulated, swept


@pytest.fixture(scope="module")
def article() -> Checklist:
    """Return the article's checklist."""
    return next(c for c in api.checklists() if c.name == "article")


def _report(article: Checklist, seeds: int) -> Report:
    records = simulated(article, seeds, {"lr_regime=cosine": 1.5, "weight_decay=lower": -1.0})
    records = [
        dataclasses.replace(r, status=Status.FAILED, accuracy=None, reason="OSError: no")
        if r.name == "mixup=on"
        else r
        for r in records
    ]
    return report_of(records, article)


def _text(renderable: Any, width: int) -> str:
    console = Console(width=width, file=io.StringIO(), color_system=None)
    console.print(renderable)
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


@pytest.mark.parametrize("width", [40, 48, 56, 63, 64, 72])
@pytest.mark.parametrize("seeds", [1, 3])
def test_no_figure_is_cut_where_the_terminal_is_narrow(
    article: Checklist, width: int, seeds: int
) -> None:
    """Names and verdicts are folded, bars and costs left out, and every figure is whole."""
    report = _report(article, seeds)
    lines = _text(comparison_view(report, width), width).splitlines()
    assert all(len(line) <= width for line in lines)
    metric = report.comparison.metric
    for row in report.rows[1:]:
        figures = [metric.value(row.accuracy), metric.difference(row.difference)]
        known = [figure for figure in figures if figure]
        assert any(set(known) <= set(line.split()) for line in lines), (row.name, known)
    assert ("around 0" in " ".join(lines)) == (seeds > 1 and width >= 64)


@pytest.mark.parametrize("every_run", [False, True])
@pytest.mark.parametrize("width", [80, 100, 116, 140, 160])
@pytest.mark.parametrize("seeds", [1, 3])
def test_comparison_fits_the_width_and_truncates_nothing(
    article: Checklist, width: int, seeds: int, every_run: bool
) -> None:
    """Every trial's name, difference and verdict are whole at every width."""
    report = _report(article, seeds)
    text = _text(comparison_view(report, width, every_run=every_run), width)
    lines = text.splitlines()
    assert all(len(line) <= width for line in lines)
    assert "…" not in text
    flat = " ".join(text.split())
    for row in report.rows[1:]:
        assert any(row.name in line for line in lines), row.name
    assert ("around 0" in text) == (seeds > 1)
    assert ("95 % interval" in lines[0]) == (seeds > 1 and width >= 116)
    assert "failed: OSError" in flat
    if every_run:
        values = report.rows[0].accuracies.values()
        assert all(f"{value:.2f}" in text for value in values)


def test_colour_only_repeats_what_words_say(article: Checklist) -> None:
    """Verdicts are words too, and a single run has no colour."""
    for seeds, green in ((3, True), (1, False)):
        out = io.StringIO()
        console = Console(width=160, file=out, force_terminal=True, color_system="standard")
        console.print(comparison_view(_report(article, seeds), 160))
        assert ("\x1b[32mbetter" in out.getvalue()) is green


def test_bar_shows_the_interval_around_zero() -> None:
    """The bar marks the difference on its interval, to the right of zero if it is positive."""
    report = report_of(
        swept(
            {
                "baseline": [90.0, 90.2, 90.1],
                "lr=cosine": [92.0, 92.3, 92.0],
                "mixup=on": [88.0, 88.2, 88.0],
                "stem=relu": [90.1, 90.2, 90.1],
            }
        )
    )
    lines = _text(comparison_view(report, 80), 80).splitlines()
    cosine = next(line for line in lines if line.lstrip().startswith("lr=cosine"))
    mixup = next(line for line in lines if line.lstrip().startswith("mixup=on"))
    assert cosine.index("|") < cosine.index("o", 12)
    assert mixup.index("o-", 20) < mixup.index("|")


def test_comparison_ends_with_the_next_commands(article: Checklist) -> None:
    """The commands to run next are whole, on a line of their own."""
    text = _text(comparison_view(_report(article, 3), 160), 160)
    assert "darkmagic checklist confirm dataset=digits" in text


@pytest.mark.parametrize("width", [80, 160])
def test_power_tables_fit_a_terminal(article: Checklist, width: int) -> None:
    """The tables of power fit before a sweep and after one."""
    before = _text(power_view(article, None, None), width)
    assert re.search(r"\b0\.(70|71|72) \(±0\.51\)", before)
    assert "no verdicts" in before
    report = _report(article, 3)
    after = _text(power_view(article, None, report), width) + _text(undecided_view(report), width)
    assert "settles it" in after
    assert re.search(r"runs=24 ", before)
    assert "suit a screen" in " ".join(before.split())
    assert "no number of seeds is recommended" in " ".join(before.split())
    asked = " ".join(_text(power_view(article, None, None, runs=60), width).split())
    assert " 3 15 60 " in asked
    assert " runs=60 " in asked
    assert "For a spread of 0.2: 60 runs suit a screen" in asked
    assert "no number of seeds is recommended" not in " ".join(after.split())
    assert all(len(line) <= width for line in (before + after).splitlines())
    assert "…" not in before + after


@pytest.mark.parametrize("name", METRICS)
@pytest.mark.parametrize("runs", [16, 24, 51])
def test_sizes_to_plan_with_are_in_the_metrics_unit_or_in_spreads(
    article: Checklist, name: str, runs: int
) -> None:
    """Of a loss no spread is usual: effects are multiples of it, and nothing is in its unit."""
    metric = METRICS[name]
    line = budget_line(article, runs, metric)
    page = " ".join(_text(power_view(article, None, None, metric), 80).split())
    assert ("points" in line) is ("points" in page) is (metric.unit == "%")
    assert "nats" not in line + page
    assert ("Multiples of the spread of" in page) is (metric.unit != "%")
    assert metric.name in line or metric.unit == "%"
    given = " ".join(_text(power_view(article, [0.02], None, metric), 80).split())
    assert "no number of seeds is recommended" not in given
    assert ("nats of validation cross-entropy" in given) is (name == "loss")


@pytest.mark.parametrize("width", [80, 160])
def test_tables_of_several_experiments_fit_a_terminal(width: int) -> None:
    """Two experiments compared, and a summary of several, fit and truncate nothing."""
    one = report_of(simulated(SMALL, 3, {"lr=cosine": 1.0})).comparison
    other = report_of(simulated(SMALL, 3)).comparison
    compared = _text(compared_view("article-digits", one, "article-cifar10", other), width)
    summary = _text(summary_view({"a": one, "b": other}), width)
    for text in (compared, summary):
        assert all(len(line) <= width for line in text.splitlines())
        assert "lr=cosine" in text
        assert "…" not in text
    assert "too narrow" in " ".join(summary.split())
