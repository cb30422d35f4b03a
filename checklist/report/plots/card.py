"""A report as one picture for a link's preview: the answer, three numbers, the largest effects."""

from __future__ import annotations

import re
import textwrap
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from matplotlib.figure import Figure

from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.page.answer import answer_of
from darkmagic.checklist.report.page.asked import asked
from darkmagic.checklist.report.page.palette import LIGHT
from darkmagic.checklist.report.page.pictures.forest import sorted_rows
from darkmagic.checklist.report.plots.effects import draw_forest
from darkmagic.checklist.report.plots.style import new_figure, plain_name, to_png
from darkmagic.text import shortened

__all__ = ["draw_card", "social_card"]

WIDTH, HEIGHT, DPI = 12.0, 6.3, 100
"""1200 by 630 pixels, which pages that show previews agree on."""
MAX_ROWS = 12
COLUMNS = 30
"""Characters of a line of the answer."""
MAX_LINES = 5
LABEL_WIDTH = 26
"""Columns of a row's name, which leave half of the card to its picture."""


def social_card(report: Report) -> bytes:
    """Return the bytes of a PNG file of 1200 by 630 pixels."""
    return to_png(draw_card(report), DPI)


def draw_card(report: Report) -> Figure:
    """Return the card as a figure of two halves, words at the left and effects at the right."""
    rows = [row for row in sorted_rows(report) if row.difference is not None]
    known = len(rows)
    largest = sorted(rows, key=lambda row: -abs(row.difference or 0.0))[:MAX_ROWS]
    rows = [row for row in rows if row in largest]
    figure, (left, right) = new_figure(WIDTH, HEIGHT, ncols=2, width_ratios=(1.15, 1.0))
    engine = figure.get_layout_engine()
    assert engine is not None
    engine.set(w_pad=0.35, h_pad=0.3)  # type: ignore[call-arg]
    left.set_axis_off()
    answer = answer_of(report)
    _write(left, 1.0, "darkmagic checklist", size=14, colour="faint")
    _write(left, 0.91, "\n".join(_lines(answer.sentence)), size=23, weight="bold")
    for place, found in enumerate(answer.figures):
        at = 0.43 - 0.155 * place
        _write(left, at, found.number, size=22, weight="bold", colour="accent")
        _write(left, at - 0.075, shortened(found.label, 2 * COLUMNS), size=13)
    if rows:
        draw_forest(right, report, rows, LABEL_WIDTH)
        right.tick_params(labelsize=12)
    else:
        right.set_axis_off()
    question = textwrap.shorten(asked(report), 90)
    if len(rows) < known:
        question += f" The {len(rows)} largest of {known} differences."
    figure.supxlabel(plain_name(question), fontsize=14, color=LIGHT["faint"])
    return figure


def _lines(sentence: str) -> list[str]:
    """Return the lines of a sentence; a name that is longer than a line breaks at its joints."""
    words = sentence.split()
    for place, word in enumerate(words):
        if len(word) > COLUMNS:
            pieces = textwrap.wrap(re.sub("([=_])", r"\1 ", word), COLUMNS)
            words[place] = " ".join(piece.replace(" ", "") for piece in pieces)
    lines = textwrap.wrap(" ".join(words), COLUMNS)
    if len(lines) > MAX_LINES:
        lines = [*lines[: MAX_LINES - 1], f"{lines[MAX_LINES - 1][: COLUMNS - 4]} ..."]
    return lines


def _write(
    ax: object, at: float, text: str, *, size: int, weight: str = "normal", colour: str = "ink"
) -> None:
    shown = "\n".join(plain_name(line) for line in text.split("\n"))
    ax.text(  # type: ignore[attr-defined]
        0.0,
        at,
        shown,
        fontsize=size,
        weight=weight,
        color=LIGHT[colour],
        verticalalignment="top",
        linespacing=1.25,
    )
