"""The site in a real browser: nothing is cut, nothing fails, and nothing comes from elsewhere."""

from __future__ import annotations

import contextlib
import functools
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from browsing import check_width, open_page, start_chromium

REPO = Path(__file__).parents[1]
PAGES = ("index", "first_sweep", "reading", "own", "judge", "designs", "speed", "statistics")
WIDE = {"digits.html", "networks.html"}
"""Pages with a table that has more columns than a page's width: it is scrolled."""


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 (its base's name)
        """Print nothing."""


@contextlib.contextmanager
def _serving(folder: Path) -> Iterator[str]:
    """Serve a folder to this machine; yield its address.

    The search reads its index with a request, which a browser forbids a page from a file.
    """
    handler = functools.partial(_Quiet, directory=str(folder))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_address[1]}/"
        server.shutdown()


@pytest.mark.weekly
def test_pages_and_their_tables_fit(tmp_path: Path) -> None:
    """At the width of a phone no page scrolls sideways; on a desk all tables but two are whole.

    No page has an error in its console, or asks another server for anything.
    """
    command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", tmp_path / "site"]
    told = {**os.environ, "NO_MKDOCS_2_WARNING": "1"}
    done = subprocess.run(command, cwd=REPO, env=told, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    site = tmp_path / "site"
    pages = sorted(site.rglob("*.html"))
    assert len(pages) > 50
    with start_chromium() as browser, _serving(site) as address:
        size = {"width": 1280, "height": 800}
        page, errors, requests = open_page(browser, address, viewport=size)
        for path in pages:
            page.goto(f"{address}{path.relative_to(site).as_posix()}")
            cut = page.evaluate(
                """() => [...document.querySelectorAll(".md-typeset table:not([class])")].filter(
                (table) => table.getBoundingClientRect().width > 700).length"""
            )
            assert bool(cut) == (path.name in WIDE), path.name
            check_width(page)
        page.set_viewport_size({"width": 360, "height": 740})
        for name in (*PAGES, "tricks/mixup", "api/index"):
            page.goto(f"{address}{name}.html")
            check_width(page)
        assert not errors
        elsewhere = {request for request in requests if not request.startswith((address, "data:"))}
        assert not elsewhere
