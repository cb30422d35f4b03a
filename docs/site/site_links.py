"""Links as the repository has them, turned into the site's."""

from __future__ import annotations

import os
import re
from collections.abc import Set as AbstractSet
from pathlib import Path, PurePosixPath

__all__ = ["COPIED", "REPO", "relative_page", "rewrite_links"]

REPO = Path(__file__).parents[2]
COPIED = {
    "README.md": "index.md",
    "CONTRIBUTING.md": "contributing.md",
    "CHANGELOG.md": "changelog.md",
    "tests/benchmarks/results/README.md": "measured.md",
    ".github/actions/checklist/README.md": "action.md",
}
"""Pages that are kept elsewhere in the repository, and what they are called on the site."""
FENCED = re.compile(r"(^ *```.*?^ *```$)", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"(!?)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")


def rewrite_links(markdown: str, page: str, there: AbstractSet[str]) -> str:
    """Return the text of `page` with links to the site's pages; `there` are all files of the site.

    A link to what the site has not, such as a file of the code, becomes its text and the path.

    >>> rewrite_links("[a](docs/judge.md#x), [b](trainers/trick.py)", "index.md", {"judge.md"})
    '[a](judge.md#x), b (`trainers/trick.py`)'
    """
    origin = {site: source for source, site in COPIED.items()}.get(page, f"docs/{page}")
    base = PurePosixPath(origin).parent

    def link(match: re.Match[str]) -> str:
        picture, text, target = match.groups()
        path, _, anchor = target.partition("#")
        if not path or re.match(r"[a-z]+:", path):
            return match[0]
        full = os.path.normpath(base / path)
        site = COPIED.get(full, full.removeprefix("docs/"))
        if site in there and (full in COPIED or full.startswith("docs/")):
            near = os.path.relpath(site, PurePosixPath(page).parent)
            return f"{picture}[{text}]({near}{'#' + anchor if anchor else ''})"
        return text if f"`{full}`" == text else f"{text} (`{full}`)"

    markdown = re.sub(r"^(```python) \w+$", r"\1", markdown, flags=re.MULTILINE)  # tests read it
    parts = FENCED.split(markdown)
    return "".join(_code(p) if p.lstrip().startswith("```") else LINK.sub(link, p) for p in parts)


def relative_page(page: str) -> str:
    """Return the HTML of a `page` at the site's root with links that do not begin there.

    The page of what is not found has such, which lead nowhere where the site is published in a
    folder of a server, as most are, or opened from one.

    >>> relative_page('<a href="/judge.html"> <script>{"base": "/", "search": "/a.js"}</script>')
    '<a href="judge.html"> <script>{"base": ".", "search": "a.js"}</script>'
    """
    page = page.replace('"base": "/"', '"base": "."')
    return re.sub(r'((?:href|src)="|"search": ")/(?!/)', r"\1", page)


def _code(block: str) -> str:
    """Return a block of code whose comments stand near, as the site's columns are narrow."""
    return re.sub(r" {3,}# ", "  # ", block) if block.lstrip().startswith("```sh") else block
