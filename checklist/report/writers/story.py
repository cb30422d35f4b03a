"""A story in sections, each of sentences, a table and lines to copy; as Markdown and as a page."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from darkmagic.checklist.report.writers.html import render
from darkmagic.checklist.report.writers.markdown import escape
from darkmagic.text import printable

__all__ = ["Section", "story_html", "story_markdown"]


@dataclass(frozen=True)
class Section:
    """`sentences`, then a table of `rows` below its `head`, then `blocks` of code, each with what
    it is for.
    """

    title: str
    sentences: Sequence[str]
    head: Sequence[str] = ()
    rows: Sequence[Sequence[str]] = ()
    blocks: Sequence[tuple[str, str]] = ()


def story_markdown(title: str, sections: Sequence[Section]) -> str:
    """Return the story as Markdown.

    >>> print(story_markdown("Mine", [Section("Answer", ["Keep it."], ["a", "b"], [["1", "2"]])]))
    # Mine
    <BLANKLINE>
    ## Answer
    <BLANKLINE>
    Keep it.
    <BLANKLINE>
    | a | b |
    |---|---|
    | 1 | 2 |
    <BLANKLINE>
    """
    lines = [f"# {escape(title)}", ""]
    for section in sections:
        lines += _lines(section)
    return printable("\n".join(lines), keep="\n")


def _lines(section: Section) -> Iterator[str]:
    yield from (f"## {escape(section.title)}", "")
    for sentence in section.sentences:
        yield from (escape(sentence), "")
    if section.rows:
        yield "| " + " | ".join(section.head) + " |"
        yield "|" + "---|" * len(section.head)
        yield from ("| " + " | ".join(map(escape, row)) + " |" for row in section.rows)
        yield ""
    for why, code in section.blocks:
        yield from (f"{escape(why)}:", "", "```", code.rstrip("\n"), "```", "")


def story_html(title: str, sections: Sequence[Section]) -> str:
    """Return the story as a page that brings its style, for light and dark, phone and paper."""
    return printable(render("story.html.j2", title=title, sections=sections), keep="\n\xa0")
