"""A real browser for pages, and what every page is checked for."""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Iterator
from typing import Any

from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, sync_playwright

__all__ = ["check_page", "check_width", "open_page", "start_chromium"]

RULES = ("target-size", "color-contrast-enhanced")
"""Of axe-core, which leaves them out by itself: what a finger needs, and contrast of level AAA."""
UNSURE = {
    ("color-contrast", "nonBmp"): "a mark of the key, which its words explain",
    ("color-contrast-enhanced", "nonBmp"): "the same",
    ("color-contrast", "elmPartiallyObscured"): "under the column that stays in sight",
}
"""What axe-core cannot tell, and why it is well: anything else that it cannot tell is a finding."""
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


def check_page(page: Page, *, paper: bool = False) -> None:
    """Check that axe-core finds nothing of any level, and that nothing is cut at the side.

    This, with no error or request of the page and its size, is what we take of Lighthouse: its
    accessibility is axe-core, and speed and search engines are no matter of a file that is sent.
    On `paper` nothing is touched.
    """
    options = {"rules": {rule: {"enabled": not paper or rule != "target-size"} for rule in RULES}}
    found = Axe().run(page, options=options).response
    violations = [(v["id"], v["nodes"][0]["html"]) for v in found["violations"]]
    assert not violations
    unsure = {
        (each["id"], (check["data"] or {}).get("messageKey", ""))
        for each in found["incomplete"]
        for node in each["nodes"]
        for check in (*node["any"], *node["all"], *node["none"])
    }
    assert unsure <= {*UNSURE}
    check_width(page)


def check_width(page: Page) -> None:
    """Check that nothing is cut at the side."""
    assert page.viewport_size is not None
    wide = page.evaluate("document.documentElement.scrollWidth")
    assert wide <= page.viewport_size["width"]
