"""The page of an optimisation in a real browser: long recipes and commands at any width."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser

from browsing import check_page, open_page, start_chromium
from darkmagic.checklist.report.writers.story import Section, story_html

RECIPE = ", ".join(f"trick_{n}=an_option_with_a_long_name (value 0.{n}234)" for n in range(12))
COMMAND = "darkmagic train " + " ".join(f"tricks.trick_{n}.value=0.{n}234" for n in range(40))
SECTIONS = [
    Section("The answer", [f"+3.99 points with 95.5 %. Adopt this recipe: {RECIPE}."]),
    Section("Tuned", ["Each once."], ("place", "recipe", "runs"), [["1", RECIPE, "79.5 80.1"]] * 4),
    Section(
        "To use it", [], blocks=[("To train it", COMMAND), ("In a loop", "for a in b:\n    c()")]
    ),
]


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """One browser for all tests here."""
    with start_chromium() as browser:
        yield browser


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (1280, "dark")])
def test_nothing_of_a_story_is_cut_or_hard_to_read(
    chromium: Browser, tmp_path: Path, width: int, scheme: Any
) -> None:
    """Neither a phone nor a desktop scrolls sideways; each recipe and command is all there."""
    file = tmp_path / "optimize.html"
    file.write_text(story_html("Mine", SECTIONS), encoding="utf-8")
    size: Any = {"width": width, "height": 800}
    page, errors, _ = open_page(chromium, file.as_uri(), viewport=size, color_scheme=scheme)
    check_page(page)
    hidden = "e => e.scrollWidth > e.clientWidth + 1 && getComputedStyle(e).overflowX !== 'auto'"
    assert not any(each.evaluate(hidden) for each in page.query_selector_all("pre, td, p, .wide"))
    assert not page.evaluate(
        "[...document.querySelectorAll('.wide')].some((e) => e.scrollWidth > e.clientWidth)"
    )
    assert page.locator(".sentence").inner_text() == "+3.99 points with 95.5 %."
    assert page.locator("pre").first.inner_text() == COMMAND
    assert errors == []
    page.context.close()
