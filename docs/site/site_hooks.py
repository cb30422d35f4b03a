"""Hooks of mkdocs: pages that are made from the code, and links that lead out of `docs/`.

`mkdocs.yml` names this file. Pages of tricks, of public names and of error messages are made when
the site is built, so that they cannot differ from the code.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.exceptions import PluginError
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

from site_api import api_pages
from site_links import COPIED, REPO, relative_page, rewrite_links
from site_messages import fill_messages
from site_tricks import trick_pages

OPTIONAL = "clusters.md"
"""A page that is in the navigation where it exists."""
MADE = """
## Made from the code

- [Tricks](tricks/index.md): every trick with its card, options and published effects
- [Public names](api/index.md): signatures, docstrings and examples
- [Changelog](changelog.md), [contributing](contributing.md)
"""
"""The end of `llms.txt` on the site: pages that the repository has not, or elsewhere."""


def on_config(config: MkDocsConfig) -> MkDocsConfig:
    """Fill the places `tricks`, `api` of the navigation, and leave out a page that is not there."""
    made = _made(config)
    config.nav = _fill(config.nav or [], {place: made[place] for place in ("tricks", "api")})
    return config


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages that are made, and those that are kept outside of `docs/`."""
    made = _made(config)
    for path, text in {**made["tricks"], **made["api"]}.items():
        files.append(File.generated(config, path, content=text))
    for source, path in COPIED.items():
        files.append(File.generated(config, path, content=(REPO / source).read_text()))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Fill in error messages, and turn links as the repository has them into the site's."""
    there = {file.src_uri for file in files}
    text = rewrite_links(fill_messages(markdown), page.file.src_uri, there)
    config.extra.setdefault("texts", {})[page.file.src_uri] = text
    return text


def on_post_build(config: MkDocsConfig) -> None:
    """Put each page beside its HTML as Markdown, which is what `llms.txt` links to."""
    site = Path(config.site_dir)
    for path, text in config.extra.pop("texts").items():
        (site / path).parent.mkdir(parents=True, exist_ok=True)
        (site / path).write_text(text)
    if not config.site_url:  # or else mkdocs knows what stands before each path
        lost = site / "404.html"
        lost.write_text(relative_page(lost.read_text()))
    agents = (site / "llms.txt").read_text() + MADE
    (site / "llms.txt").write_text(agents)
    missing = [path for path in re.findall(r"\]\(([^)]+)\)", agents) if not (site / path).exists()]
    if missing:
        raise PluginError(f"llms.txt names what the site has not: {', '.join(missing)}")


def _made(config: MkDocsConfig) -> dict[str, dict[str, str]]:
    made: dict[str, dict[str, str]] | None = config.extra.get("made")
    if made is None:
        made = config.extra["made"] = {"tricks": trick_pages(), "api": api_pages()}
    return made


def _fill(nav: list[Any], made: dict[str, dict[str, str]]) -> list[Any]:
    def entries() -> Iterator[Any]:
        for entry in nav:
            ((title, target),) = entry.items() if isinstance(entry, dict) else ((None, entry),)
            if isinstance(target, list):
                yield {title: _fill(target, made)}
            elif target in made:
                first, *pages = made[target]
                yield {title: [first, {"Each of them": pages}]}
            elif target != OPTIONAL or (REPO / "docs" / OPTIONAL).exists():
                yield entry

    return list(entries())
