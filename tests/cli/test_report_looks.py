"""What a reader of the HTML report has in sight: on a phone, when it is scrolled, and on paper."""

from __future__ import annotations

import dataclasses
import unicodedata
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

import pytest
from playwright.sync_api import Browser
from pypdf import PdfReader
from test_report_page import GAINS, SETUP, SMALL

from browsing import check_page, check_width, open_page, start_chromium
from darkmagic.checklist.model import Checklist, Trick
from darkmagic.checklist.records import Status
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.write import write_report
from records import report_of, simulated

ROWS = 60
NAMED = tuple(
    Trick(f"{name}_{n:02}", "s", ("off", "an_option_with_a_name"))
    for n, name in enumerate(("augmentation_for_small_images", "lr", "weight_decay_of_norms") * 4)
)
REASON = "RuntimeError: CUDA out of memory. Tried to allocate 2.00 GiB (GPU 0; 79.1 GiB in all)"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the system's Chromium."""
    with start_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write the report of a small sweep, and of one of sixty rows."""
    long = Checklist("long", tuple(Trick(f"trick_{n:02}", "s", ("off", "on")) for n in range(ROWS)))
    reports: dict[str, Report] = {
        "small": report_of(simulated(SMALL, 3, GAINS), setup=SETUP),
        "long": report_of(simulated(long, 3), long),
    }
    named = Checklist("named", NAMED)
    gains = {f"{trick.name}=an_option_with_a_name": 2.0 for trick in NAMED[:4]}
    reports["failed"] = report_of(
        [
            dataclasses.replace(r, status=Status.FAILED, accuracy=None, correct=None, reason=REASON)
            if r.trick == NAMED[7].name
            else r
            for r in simulated(named, 3, gains)
        ],
        named,
        setup=SETUP,
    )
    folder = tmp_path_factory.mktemp("looks")
    for name, report in reports.items():
        (folder / f"{name}.html").write_text(write_report(report, "html"))
    return {name: folder / f"{name}.html" for name in reports}


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_answer_is_on_the_first_screen_of_a_small_phone(
    browser: Browser, files: dict[str, Path], scheme: str
) -> None:
    """Sentence and numbers are read without scrolling, with images of the data above them."""
    size = {"width": 360, "height": 640}
    page, _, _ = open_page(browser, files["small"].as_uri(), viewport=size, color_scheme=scheme)
    answer = page.locator("#answer").bounding_box()
    assert answer is not None
    assert answer["y"] + answer["height"] <= size["height"]
    page.context.close()


@pytest.mark.parametrize(("width", "lines"), [(360, 6), (768, 3), (1280, 3), (1920, 3)])
def test_row_that_failed_leaves_the_main_picture_its_room(
    browser: Browser, files: dict[str, Path], width: int, lines: int
) -> None:
    """Why it failed is as wide as the picture, and names have few lines, whichever rows failed."""
    size = {"width": width, "height": 740}
    page, _, _ = open_page(browser, files["failed"].as_uri(), viewport=size)
    names = page.locator("#forest tbody th")
    line = float(names.first.evaluate("e => parseFloat(getComputedStyle(e).lineHeight)"))
    for name in names.all():
        assert name.evaluate("e => e.firstChild.getBoundingClientRect().height") <= lines * line + 4
    plotted = page.locator("#forest .strip").first.bounding_box()
    why = page.locator("#forest .why")
    assert why.inner_text() == "3 of 3 failed: RuntimeError"
    assert plotted is not None
    assert plotted["width"] >= 0.25 * width
    check_width(page)
    page.context.close()


@pytest.mark.parametrize("name", ["small", "failed"])
@pytest.mark.parametrize("width", [360, 1280])
def test_names_in_the_answer_break_only_where_no_line_holds_them(
    browser: Browser, files: dict[str, Path], name: str, width: int
) -> None:
    """A name is in one line where the page is wide enough, and breaks behind a joint elsewhere."""
    page, _, _ = open_page(browser, files[name].as_uri(), viewport={"width": width, "height": 740})
    for word in page.locator("#answer .whole").all():
        box, inner = word.bounding_box(), word.evaluate("e => getComputedStyle(e).lineHeight")
        room = word.evaluate("e => e.parentElement.clientWidth")
        assert box is not None
        broken = box["height"] > 1.5 * float(inner.removesuffix("px"))
        assert not broken or box["width"] > 0.5 * room
        assert not broken or (name == "failed" and room < 500)
    page.context.close()


TOPMOST = """(row) => {
  const box = row.getBoundingClientRect();
  const top = document.elementFromPoint(box.x + 4, box.y + box.height / 2);
  return row.contains(top);
}"""
"""Whether nothing lies over a cell's left end."""


HEADS = """() => {
  const words = [...document.querySelectorAll(".forest .ticks i, .forest thead th.number")];
  return words.filter((each) => each.offsetParent).map((each) => {
    const range = document.createRange();
    range.selectNodeContents(each);
    const { left, right } = range.getBoundingClientRect();
    return [left, right];
  }).sort((a, b) => a[0] - b[0]);
}"""


@pytest.mark.parametrize("factor", [1, 5, 20])
def test_scale_and_heads_of_the_main_picture_are_apart(
    browser: Browser, tmp_path: Path, factor: int
) -> None:
    """On a phone the last figure of the scale once lay over the head of the column beside it."""
    gains = {name: factor * gain for name, gain in GAINS.items()}
    path = tmp_path / "report.html"
    path.write_text(write_report(report_of(simulated(SMALL, 3, gains)), "html"))
    page, _, _ = open_page(browser, path.as_uri())
    for width in (360, 1280):
        page.set_viewport_size({"width": width, "height": 740})
        places = page.evaluate(HEADS)
        assert len(places) > 2
        assert all(right <= left for (_, right), (left, _) in pairwise(places)), (width, places)
    page.context.close()


@pytest.mark.parametrize("width", [360, 768])
def test_names_of_rows_stay_in_sight_when_the_table_is_scrolled(
    browser: Browser, files: dict[str, Path], width: int
) -> None:
    """At the last column, the first is where it was, over the others."""
    size = {"width": width, "height": 740}
    page, _, _ = open_page(browser, files["small"].as_uri(), viewport=size)
    wide = page.locator("#rows").locator("..")
    wide.scroll_into_view_if_needed()
    name = page.locator('#rows tbody[data-row="mixup=on"] th')
    name.scroll_into_view_if_needed()
    before, region = name.bounding_box(), wide.bounding_box()
    last = page.locator('#rows tbody[data-row="mixup=on"] > tr:first-child > td').last
    assert wide.evaluate("e => e.scrollWidth > e.clientWidth")
    wide.evaluate("e => { e.scrollLeft = e.scrollWidth }")
    after, end = name.bounding_box(), last.bounding_box()
    assert before is not None
    assert after is not None
    assert end is not None
    assert region is not None
    assert after["x"] == before["x"] == region["x"]
    assert name.evaluate(TOPMOST)
    assert after["x"] + after["width"] < end["x"] < end["x"] + end["width"] <= width
    head = page.locator("#rows thead th").first.bounding_box()
    assert head is not None
    assert head["x"] == after["x"]
    page.context.close()


@pytest.mark.parametrize("name", ["small", "long"])
def test_hint_is_shown_wherever_columns_are_out_of_sight(
    browser: Browser, files: dict[str, Path], name: str
) -> None:
    """At each width a table that is cut says so, and one that is whole does not."""
    page, _, _ = open_page(browser, files[name].as_uri(), viewport={"width": 1920, "height": 740})
    hint, wide = page.locator(".hint"), page.locator("#rows").locator("..")
    for width in (360, 768, 1024, 1100, 1200, 1216, 1217, 1240, 1280, 1920):
        page.set_viewport_size({"width": width, "height": 740})
        cut = wide.evaluate("e => e.scrollWidth > e.clientWidth")
        assert hint.is_visible() == cut, width
        assert cut or width > 768
    assert not hint.is_visible()
    page.context.close()


def test_printed_page_has_no_axe_findings(browser: Browser, files: dict[str, Path]) -> None:
    """Contrast is of level AAA on paper too, where the screen is dark and ink is not."""
    size = {"width": 695, "height": 983}  # A4 within its margins
    page, _, _ = open_page(browser, files["small"].as_uri(), viewport=size, color_scheme="dark")
    page.emulate_media(media="print")
    check_page(page, paper=True)
    page.context.close()


def test_sixty_rows_are_printed_whole_below_repeated_heads(
    browser: Browser, files: dict[str, Path], tmp_path: Path
) -> None:
    """Each sheet with rows has the heads, and each row stands on one sheet with all its figures."""
    page, _, _ = open_page(browser, files["long"].as_uri())
    page.pdf(path=str(tmp_path / "long.pdf"), prefer_css_page_size=True)
    cells = {
        row.get_attribute("data-row"): row.locator("tr").first.locator("td").all_inner_texts()
        for row in page.locator("#rows tbody").all()
    }
    page.set_viewport_size({"width": 695, "height": 983})
    page.emulate_media(media="print")
    check_width(page)
    page.context.close()
    sheets = [_joined(s.extract_text()) for s in PdfReader(tmp_path / "long.pdf").pages]
    tables = [text for text in sheets if "adjustedp" in text]
    assert len(tables) >= 2
    for name, figures in cells.items():
        line = _joined("".join((name or "", *figures)))
        assert sum(line in text for text in tables) == 1, name
    assert sum(text.count("adjustedp") for text in sheets) == len(tables)


def _joined(text: str) -> str:
    """Return a text without spaces, and without the ligatures that a font has printed."""
    return "".join(unicodedata.normalize("NFKC", text).split())
