"""Take the pictures of docs/report.md from a report: python docs/report/shots.py report.html."""

from __future__ import annotations

import io
import shutil
import sys
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

HERE = Path(__file__).parent
VIEWS = {
    "first": (1280, 800, "light"),
    "phone": (360, 740, "dark"),
    "wide": (1920, 1080, "dark"),
    "forest": (1280, 620, "light"),
    "table": (768, 620, "light"),
    "images": (768, 640, "light"),
    "print": (695, 983, "light"),  # A4 within its margins
}
AT = {"forest": "#effects", "table": "#numbers", "images": "#images"}
"""What stands at the top of a view that is not the page's."""
COLOURS = 160
"""Of a picture's palette, which keeps it small."""


def main() -> None:
    """Open the report in Chromium and write a picture a view."""
    address = Path(sys.argv[1]).absolute().as_uri()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox", "--disable-gpu"]
        )
        for name, (width, height, scheme) in VIEWS.items():
            page = browser.new_page(
                viewport={"width": width, "height": height},
                color_scheme="dark" if scheme == "dark" else "light",
            )
            page.goto(address)
            page.emulate_media(media="print" if name == "print" else "screen")
            _save(page, name)
        browser.close()


def _save(page: Page, name: str) -> None:
    if name == "images":
        page.locator("details.changed summary").first.click()
    if name in AT:
        page.locator(AT[name]).evaluate("(place) => place.scrollIntoView()")
    with Image.open(io.BytesIO(page.screenshot())) as shot:
        small = shot.convert("RGB").quantize(COLOURS, dither=Image.Dither.NONE)
        small.save(HERE / f"{name}.png", optimize=True)


if __name__ == "__main__":
    main()
