"""The pictures of a report: for slides, for pull requests, and for the preview of a link."""

from __future__ import annotations

import io
from xml.etree import ElementTree as ET

import pytest
from PIL import Image

from darkmagic.checklist.errors import UserError
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.plots.card import draw_card
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


LONG = {
    "a sentence": "a-very-long-name-of-a-variant-that-goes-on-and-on-with_values",
    "one word": "x" * 200,
    "Chinese": "\u5b66\u4e60\u7387" * 20,
    "a formula": "$\\alpha$" * 12,
}


@pytest.mark.parametrize("name", LONG.values(), ids=[*LONG])
@pytest.mark.parametrize("form", PICTURES)
def test_long_names_leave_room_for_the_picture(form: str, name: str) -> None:
    """Matplotlib, whose warnings are errors here, finds room for names and for what they name."""
    long = Checklist("long", (Trick(name, "", ("off", "on")), SMALL.tricks[0]))
    assert draw_picture(report_of(simulated(long, 3), long), form)


@pytest.mark.parametrize("name", ["mixup", "a_long_name_of_a_trick_that_goes_on", "x" * 60])
def test_words_of_the_card_stand_clear_of_its_effects(name: str) -> None:
    """Names break at their joints, and no text lies over another."""
    tricks = tuple(Trick(f"{name}_{n:02}", "s", ("off", "an_option_of_it")) for n in range(12))
    checklist = Checklist("long", tricks)
    gains = {f"{trick.name}=an_option_of_it": 2.0 for trick in tricks[:4]}
    figure = draw_card(report_of(simulated(checklist, 3, gains), checklist))
    figure.draw_without_rendering()
    left, right = figure.axes
    words = [text for text in left.texts if text.get_text()]
    boxes = [text.get_window_extent() for text in words]
    names = [label.get_window_extent() for label in right.get_yticklabels()]
    assert max(box.x1 for box in boxes) < min(name.x0 for name in names)
    assert boxes[1].y0 > boxes[2].y1 - 1
    lines = words[1].get_text().split("\n")
    assert len(lines) <= 5
    if "_long_" in name:
        assert all(line[-1] in "=_.,:;" or line.split()[-1].isalpha() for line in lines[:-1])


def test_card_says_how_many_rows_it_leaves_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """The largest differences stand on the card, and their number where there are more."""
    from matplotlib.figure import Figure

    written: list[str] = []
    drawn = Figure.supxlabel
    monkeypatch.setattr(
        Figure,
        "supxlabel",
        lambda self, text, **kw: (written.append(text), drawn(self, text, **kw))[1],
    )
    many = Checklist("many", tuple(Trick(f"t{n}", "", ("off", "on")) for n in range(13)))
    for checklist in (SMALL, many):
        draw_picture(report_of(simulated(checklist, 2), checklist), "card")
    assert "largest" not in written[0]
    assert written[1].endswith("The 12 largest of 13 differences.")


def test_png_draws_letters_that_another_font_of_the_machine_has() -> None:
    """A letter that our font lacks is not drawn as the box of a letter that no font has."""

    def drawn(name: str) -> bytes:
        mine = Checklist("mine", (Trick("t", "", ("off", name)),))
        return draw_picture(report_of(simulated(mine, 2), mine), "png")

    # Of the fonts that matplotlib brings along STIX alone has both: elsewhere they are equal boxes.
    assert drawn("\u24b6") != drawn("\u24b7")
