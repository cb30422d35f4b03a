"""The report as Markdown, for a pull request or a wiki."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator

from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.formatting import (
    expected_gain,
    interval,
    p_value,
    probability,
    published,
    ratio,
    values,
)

__all__ = ["escape", "to_markdown"]

HEADS = {
    "section": "---",
    "trial": "---",
    "value": "---:",
    "difference": "---:",
    "95 % interval": "---:",
    "adjusted p": "---:",
    "verdict": "---",
    "expected gain": "---:",
    "helps": "---:",
    "time": "---:",
    "memory": "---:",
    "params": "---:",
    "every run": "---",
}
"""Heads and how their columns are aligned; those of values get the metric's name and unit."""


def to_markdown(report: Report) -> str:
    """Return a heading, the advice, the table, the notes and where it comes from."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield f"# {escape(report.title)}"
    yield ""
    if report.advice.alarm:
        yield f"**{escape(report.advice.alarm)}**"
        yield ""
    if report.advice.sentences:
        yield " ".join(escape(sentence) for sentence in report.advice.sentences)
        yield ""
    for why, command in report.advice.steps:
        yield f"- {why}: {_code(command)}"
    yield ""
    metric = report.comparison.metric
    runs = f"every run, {metric.unit}" if metric.unit else "every run"
    own = {"value": escape(metric.head), "every run": escape(runs)}
    cells = [_cells(row, metric) for row in report.rows]
    # Of runs that were made elsewhere not everything is known: columns without a word are left out.
    kept = [report.overrides is not None or any(column) for column in zip(*cells, strict=True)]
    for line in ([own.get(head, head) for head in HEADS], list(HEADS.values()), *cells):
        shown = list(itertools.compress(line, kept))
        yield "|" + "|".join(shown) + "|" if line[0] == "---" else "| " + " | ".join(shown) + " |"
    yield ""
    yield from (f"- {escape(note)}" for note in report.notes)
    yield ""
    effects = [(row, effect) for row in report.rows for effect in report.published(row)]
    if effects:
        yield "Published for the same change, in other settings:"
        yield ""
        yield from (f"- {_code(row.name)}: {escape(published(effect))}" for row, effect in effects)
        yield ""
    yield from (f"- {label}: {escape(value)}" for label, value in report.facts.items())


def _cells(row: Row, metric: Metric) -> list[str]:
    return [
        escape(row.section),
        _code(row.name).replace("|", "\\|"),
        metric.value(row.accuracy),
        metric.difference(row.difference),
        interval(row.interval, metric),
        escape(p_value(row.p_value)),
        escape(row.verdict_text),
        expected_gain(row, metric),
        escape(probability(row)),
        *(ratio(row.ratios[name]) for name in ("time", "memory", "parameters")),
        values(row, metric),
    ]


def escape(text: str) -> str:
    r"""Return `text` with what Markdown would read as its own made plain: links, HTML, formulas."""
    return re.sub(r"([\\`*_<>|\[\]&~$])", r"\\\1", " ".join(text.splitlines()))


def _code(text: str) -> str:
    """Return `text` as code, in which there are no escapes but a fence longer than any within."""
    text = " ".join(text.splitlines())
    fence = "`" * (1 + max(map(len, re.findall("`+", text)), default=0))
    return f"{fence} {text} {fence}" if "`" in text else f"{fence}{text}{fence}"
