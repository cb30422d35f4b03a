"""A real browser for pages, and what every page is checked for."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

__all__ = ["check_page", "check_width", "open_page", "start_chromium"]

OPTIONS = {"rules": {"target-size": {"enabled": True}}}
"""Of axe-core: also what a finger needs, which it leaves out by itself."""
NAMES = ("chromium", "chromium-browser", "google-chrome")


@contextlib.contextmanager
def start_chromium() -> Iterator[Browser]:
    """Start the system's Chromium."""
    found = next((path for name in NAMES if (path := shutil.which(name))), None)
    assert found is not None, "these tests need Chromium; .ci/run installs it"
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(
            executable_path=found, args=["--no-sandbox", "--disable-gpu", "--disable-quic"]
        )
        yield chromium
        chromium.close()


def open_page(browser: Browser, address: str, **options: Any) -> tuple[Page, list[str], list[str]]:
    """Open the page and return it with the errors and requests that it made."""
    page = browser.new_context(**options).new_page()
    errors: list[str] = []
    requests: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on(
        "console", lambda message: errors.append(message.text) if message.type == "error" else None
    )
    page.on("request", lambda request: requests.append(request.url))
    page.goto(address)
    return page, errors, requests


def check_page(page: Page) -> None:
    """Check that axe-core finds nothing of any level, and that nothing is cut at the side."""
    violations = Axe().run(page, options=OPTIONS).response["violations"]
    assert not violations, [(v["id"], v["nodes"][0]["html"]) for v in violations]
    check_width(page)


def check_width(page: Page) -> None:
    """Check that nothing is cut at the side."""
    assert page.viewport_size is not None
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= page.viewport_size["width"]
