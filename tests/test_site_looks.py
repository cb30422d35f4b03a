"""The site in a real browser: nothing is cut at the side, from a phone to a desk."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from browsing import check_width, open_page, start_chromium

REPO = Path(__file__).parents[1]
PAGES = ("index", "first_sweep", "reading", "own", "judge", "designs", "speed", "statistics")
WIDE = {"digits.html", "networks.html"}
"""Pages with a table that has more columns than a page's width: it is scrolled."""


@pytest.mark.weekly
def test_pages_and_their_tables_fit(tmp_path: Path) -> None:
    """At the width of a phone no page scrolls sideways; on a desk all tables but two are whole."""
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    told = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=REPO, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    pages = sorted((tmp_path / "site").rglob("*.html"))
    assert len(pages) > 50
    with start_chromium() as browser:
        size = {"width": 1280, "height": 800}
        page, *_ = open_page(browser, pages[0].as_uri(), viewport=size)
        for path in pages:
            page.goto(path.as_uri(), wait_until="domcontentloaded")
            cut = page.evaluate(
                """() => [...document.querySelectorAll(".md-typeset table:not([class])")].filter(
                (table) => table.getBoundingClientRect().width > 700).length"""
            )
            assert bool(cut) == (path.name in WIDE), path.name
            check_width(page)
        page.set_viewport_size({"width": 360, "height": 740})
        for name in (*PAGES, "tricks/mixup", "api/index"):
            page.goto((tmp_path / "site" / f"{name}.html").as_uri(), wait_until="domcontentloaded")
            check_width(page)
