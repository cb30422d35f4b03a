"""Words of the report's page that a reader takes literally: figures, counts and commands."""

from __future__ import annotations

import html
import re
from importlib.resources import files

from darkmagic.checklist.compare.comparison import compare
from darkmagic.checklist.compare.rows import Rules
from darkmagic.checklist.metric import Direction, Metric
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.records import Status, TrialRecord
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.page.answer import answer_of
from darkmagic.checklist.report.page.decisions import groups_of
from darkmagic.checklist.report.write import write_report
from records import SMALL, report_of, simulated


def test_figure_of_a_loss_says_of_what_it_is() -> None:
    """A negative number that is a gain names its metric, and that lower is better."""
    loss = Metric("val_loss", direction=Direction.MIN)
    values = {"baseline": (0.41, 0.40, 0.42), "mixup=on": (0.31, 0.30, 0.32)}
    records = [
        TrialRecord(*name, "", seed, Status.FINISHED, value=value)
        for name, of in (((None, None), "baseline"), (("mixup", "on"), "mixup=on"))
        for seed, value in enumerate(values[of])
    ]
    small = Checklist("small", (Trick("mixup", "", ("off", "on")),))
    answer = answer_of(Report("mine", compare(small, records, Rules(metric=loss)), facts={}))
    assert answer.figures[0].label == "val_loss with mixup=on"
    assert answer.figures[0].more.endswith("; lower is better")


def test_words_of_a_command_are_kept_whole() -> None:
    """A line that ends in `--`, with the option's name on the next, cannot be typed from paper."""
    overrides = ("dataset=digits", "--name", "mine & yours")
    report = report_of(simulated(SMALL, 3, {"lr=cosine": 1.5}), overrides=overrides)
    page = write_report(report, "html")
    assert '<span class="word">--name</span> <span class="word">' in page
    text = html.unescape(re.sub(r"</?span[^>]*>", "", page))
    commands = [d.command for group in groups_of(report) for d in group.decisions if d.command]
    assert commands
    assert all(command in text for command in commands)


def test_no_page_has_a_browser_ask_for_an_icon() -> None:
    """A page without one asks its server for /favicon.ico, which is an error in its console."""
    templates = files("darkmagic.checklist.report.writers") / "templates"
    pages = [path.read_text() for path in templates.iterdir() if path.name.endswith(".html.j2")]
    whole = [page for page in pages if page.startswith("<!DOCTYPE")]
    assert len(whole) == 3
    assert all('<link rel="icon" href="data:,">' in page for page in whole)
