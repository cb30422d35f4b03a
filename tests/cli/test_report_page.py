"""The HTML report in a real browser: light, dark, on a phone, in print, and checked by axe-core."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from browsing import check_page, open_page, start_chromium
from darkmagic.checklist.report.write import write_report
from records import SMALL, report_of, simulated

SHOTS = os.environ.get("DARKMAGIC_SHOTS")
"""A folder to keep screenshots in, for a person to look at."""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Start the system's Chromium."""
    with start_chromium() as chromium:
        yield chromium


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write the report of a sweep that has better and worse tricks."""
    gains = {"lr=cosine": 1.5, "mixup=on": -2.0, "stem=relu": 0.3}
    path = tmp_path_factory.mktemp("page") / "report.html"
    path.write_text(write_report(report_of(simulated(SMALL, 3, gains)), "html"))
    return path


def _open(browser: Browser, file: Path, **options: Any) -> tuple[Page, list[str], list[str]]:
    return open_page(browser, file.as_uri(), **options)


def _shot(page: Page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


def _names(page: Page) -> list[str]:
    """Return the rows of the table, each a body of the line with its figures and one with more."""
    return [row.get_attribute("data-row") or "" for row in page.query_selector_all("#rows tbody")]


VIEWS = {
    "large": {"color_scheme": "light", "viewport": {"width": 1920, "height": 1080}},
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 800}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 800}},
    "tablet": {"color_scheme": "light", "viewport": {"width": 768, "height": 1024}},
    "phone": {"color_scheme": "light", "viewport": {"width": 360, "height": 740}},
    "dark phone": {"color_scheme": "dark", "viewport": {"width": 360, "height": 740}},
}


@pytest.mark.parametrize("view", VIEWS)
def test_report_page_has_no_errors_requests_or_axe_findings(
    browser: Browser, file: Path, view: str
) -> None:
    """In light and dark mode and from the width of a phone to a large screen, closed and opened."""
    page, errors, requests = _open(browser, file, **VIEWS[view])
    assert not errors
    assert requests == [file.as_uri()]
    _shot(page, f"{view}-first")
    check_page(page)
    for summary in page.query_selector_all("details:not(.further) > summary"):
        if summary.is_visible():
            summary.click()
    page.get_by_role("button", name="mixup=on", exact=True).click()
    check_page(page)
    _shot(page, view)
    page.context.close()


def test_report_page_sorts_rows_by_clicked_heading(browser: Browser, file: Path) -> None:
    """The first click sorts up and the second down, with rows that have no value last."""
    page, errors, _ = _open(browser, file)
    assert _names(page)[0] == "baseline"
    head = page.get_by_role("button", name="difference")
    head.click()
    rising = _names(page)
    assert rising[0] == "mixup=on"
    assert rising[-1] == "baseline"
    assert head.locator("..").get_attribute("aria-sort") == "ascending"
    head.click()
    falling = _names(page)
    assert falling[0] == "lr=cosine"
    assert falling[-1] == "baseline"
    page.get_by_role("button", name="trial").click()
    assert _names(page) == sorted(_names(page))
    assert not errors
    page.context.close()


def test_report_page_rows_expand_and_highlight_their_marks(browser: Browser, file: Path) -> None:
    """A row shows its command, and hovering a row or a mark highlights the other."""
    page, errors, _ = _open(browser, file)
    row = page.locator('tbody[data-row="lr=cosine"]')
    name = row.get_by_role("button", name="lr=cosine", exact=True)
    name.click()
    assert name.get_attribute("aria-expanded") == "true"
    assert "darkmagic train trick=lr=cosine" in row.inner_text()
    name.hover()
    mark = page.locator('[id="effect-lr=cosine"]')
    assert "shown" in (mark.get_attribute("class") or "")
    page.locator('[id="effect-mixup=on"]').scroll_into_view_if_needed()
    page.locator('[id="effect-mixup=on"]').hover()
    shown = page.locator('tbody[data-row="mixup=on"]').get_attribute("class") or ""
    assert "shown" in shown
    assert not errors
    page.context.close()


def test_report_page_prints_on_six_pages_at_most(
    browser: Browser, file: Path, tmp_path: Path
) -> None:
    """Chromium prints the page on A4 as a PDF file."""
    page, _, _ = _open(browser, file)
    paper = tmp_path / "report.pdf"
    page.pdf(path=str(paper), format="A4")
    printed = paper.read_bytes()
    assert printed.startswith(b"%PDF")
    assert 1 <= len(re.findall(rb"/Type\s*/Page\b", printed)) <= 6
    page.context.close()
