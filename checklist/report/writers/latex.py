"""The report as a LaTeX table, for a paper: needs the package booktabs."""

from __future__ import annotations

from collections.abc import Iterator

from darkmagic.checklist.compare.rows import Row
from darkmagic.checklist.metric import Metric
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.formatting import interval, p_value, ratio

__all__ = ["to_latex"]

SPECIAL = {
    "\\": r"\textbackslash{}",
    **{character: "\\" + character for character in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
}


def to_latex(report: Report) -> str:
    """Return a table environment, with the notes as its caption."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    yield r"% needs \usepackage{booktabs}"
    yield r"\begin{table}"
    yield r"\centering"
    metric = report.comparison.metric
    own = ("trial", escape(metric.head), "difference")
    timed = report.overrides is not None or any(row.ratios["time"] for row in report.rows)
    yield r"\begin{tabular}{lrrrrl" + "r" * timed + "}"
    yield r"\toprule"
    yield " & ".join([*own, r"95\,\% interval", "$p$", "verdict", *["time"] * timed]) + r" \\"
    section = None
    for row in report.rows:
        if row.section != section:
            section = row.section
            yield r"\midrule"
            if section:
                yield rf"\multicolumn{{{6 + timed}}}{{l}}{{\emph{{{escape(section)}}}}} \\"
        yield " & ".join(_cells(row, metric)[: 6 + timed]) + r" \\"
    yield r"\bottomrule"
    yield r"\end{tabular}"
    yield r"\caption{" + escape(" ".join(_caption(report))) + "}"
    yield r"\end{table}"


def _caption(report: Report) -> list[str]:
    alarm = [report.advice.alarm] if report.advice.alarm else []
    return [report.title + ".", *alarm, *report.notes]


def _cells(row: Row, metric: Metric) -> list[str]:
    cells = [
        row.name,
        metric.value(row.accuracy),
        metric.difference(row.difference),
        interval(row.interval, metric),
        p_value(row.p_value),
        row.verdict_text,
        ratio(row.ratios["time"]),
    ]
    name, accuracy, difference, *rest = (escape(cell) for cell in cells)
    return [name, accuracy, f"${difference}$" if difference else "", *rest]


def escape(text: str) -> str:
    """Return `text` with every character that LaTeX would read as a command made plain."""
    return "".join(SPECIAL.get(character, character) for character in " ".join(text.splitlines()))
