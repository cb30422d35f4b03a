"""Diagrams of the documentation: drawn from what they say they are, shown without network."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from draw_diagrams import stamp

REPO = Path(__file__).parents[1]
FOLDER = REPO / "docs" / "diagrams"
SOURCES = sorted(FOLDER.glob("*.mmd"))


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_picture_is_of_its_source_and_needs_nothing_else(source: Path) -> None:
    """It was drawn after the last change, has every word, and loads nothing from anywhere."""
    picture = source.with_suffix(".svg").read_text()
    assert picture.endswith(f"{stamp(source.read_text())}\n")
    said = re.findall(r"[\[(]+([^\])]+)|: (.+)", source.read_text())
    words = re.findall(r"\w+", " ".join(" ".join(pair) for pair in said))
    shown = re.sub(r"<style>.*?</style>|<[^>]+>", " ", picture, flags=re.DOTALL)
    assert set(words) <= set(re.findall(r"\w+", shown))
    assert not re.findall(r"(?:href|src)=\"(?!#)|url\((?!#)|@import", picture)


def test_each_diagram_is_on_a_page_and_none_is_left_to_a_script() -> None:
    """A fence of Mermaid's would load its script from elsewhere."""
    pages = {path: path.read_text() for path in (REPO / "docs").rglob("*.md")}
    for source in SOURCES:
        assert any(f"(diagrams/{source.stem}.svg)" in text for text in pages.values())
    assert not [path for path, text in pages.items() if "```mermaid" in text]
