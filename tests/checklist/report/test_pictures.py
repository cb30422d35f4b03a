"""The pictures of a report: for slides, for pull requests, and for the preview of a link."""

from __future__ import annotations

import io
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.write import PICTURES, draw_picture
from records import SMALL, hostile_report, report_of, simulated

REPORTS = {
    "decided": lambda: report_of(simulated(SMALL, 3, {"lr=cosine": 1.5, "mixup=on": -2.0})),
    "one seed": lambda: report_of(simulated(SMALL, 1)),
    "hostile": hostile_report,
}


@pytest.mark.parametrize("report", [make() for make in REPORTS.values()], ids=[*REPORTS])
def test_pictures_are_files_of_their_kind(report: Report) -> None:
    """SVG is well formed and names the rows; PNG opens, is white and small enough to send."""
    svg = ET.fromstring(draw_picture(report, "svg"))
    assert "lr=cosine" in "".join(svg.itertext())
    for form, size in (("png", None), ("card", (1200, 630))):
        drawn = draw_picture(report, form)
        with Image.open(io.BytesIO(drawn)) as image:
            assert image.format == "PNG"
            assert size in (None, image.size)
            assert image.convert("RGB").getpixel((0, 0)) == (255, 255, 255)
            assert len(image.convert("RGB").getcolors(1 << 24) or []) > 10
        assert len(drawn) < 300_000


@pytest.mark.parametrize("form", PICTURES)
def test_same_report_same_picture(form: str) -> None:
    """Nothing in a picture depends on the clock or on chance."""
    assert draw_picture(hostile_report(), form) == draw_picture(hostile_report(), form)


def test_picture_without_effects_is_an_error_that_says_so() -> None:
    """Before the first result there is a card, and no picture of effects."""
    assert draw_picture(report_of([]), "card")
    for form in ("svg", "png"):
        with pytest.raises(UserError, match="no trick has a difference"):
            draw_picture(report_of([]), form)
    with pytest.raises(UserError, match="did you mean png"):
        draw_picture(report_of([]), "pgn")
