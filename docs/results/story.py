"""Write the story of a committed recipe again from its own Markdown, when its looks have changed.

    python docs/results/story.py docs/results/cifar10_optimize

Every sentence, figure and command stays: the recipe was found on a GPU, and is not trained again
for a page. What a newer `optimize` would say besides is not in it.
"""

from __future__ import annotations

import argparse
import re
from collections.abc import Iterator
from pathlib import Path

from darkmagic.checklist.report.writers.story import Section, story_html, story_markdown

ESCAPED = re.compile(r"\\([^a-zA-Z0-9\s])")
BLOCK = re.compile(r"^([^\n]*):\n\n```\n(.*?)\n```$", re.MULTILINE | re.DOTALL)
TABLE = re.compile(r"^\|(?:.*\n)+?(?=\n|\Z)", re.MULTILINE)


def main() -> None:
    """Read `optimize.md` of a folder, and write it and its page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    folder = parser.parse_args().folder
    before = (folder / "optimize.md").read_text()
    title, sections = read_story(before)
    after = story_markdown(title, sections)
    if after != before:
        parser.error(f"{folder / 'optimize.md'} is not what optimize writes: nothing is written")
    (folder / "optimize.html").write_text(story_html(title, sections))


def read_story(text: str) -> tuple[str, list[Section]]:
    """Return the title and the sections of a story's Markdown."""
    title, *parts = re.split(r"^##? ", text, flags=re.MULTILINE)[1:]
    return _plain(title.strip()), [_section(part) for part in parts]


def _section(part: str) -> Section:
    title, _, body = part.partition("\n")
    blocks = [(_plain(why), code) for why, code in BLOCK.findall(body)]
    body = BLOCK.sub("", body)
    rows = [list(_cells(line)) for table in TABLE.findall(body) for line in table.splitlines()]
    sentences = [line for line in TABLE.sub("", body).splitlines() if line]
    return Section(
        _plain(title),
        [_plain(sentence) for sentence in sentences],
        rows[0] if rows else (),
        rows[2:],
        tuple(blocks),
    )


def _cells(line: str) -> Iterator[str]:
    yield from (_plain(cell.strip()) for cell in re.split(r"(?<!\\)\|", line)[1:-1])


def _plain(text: str) -> str:
    return ESCAPED.sub(r"\1", text)


if __name__ == "__main__":
    main()
