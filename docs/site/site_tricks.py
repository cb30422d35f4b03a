"""A page for each trick: its card, its options and what was published of it."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterable, Iterator, Sequence

from darkmagic.checklist.report.published import Published, published_effects
from darkmagic.sweeps.api import checklists, trick_cards
from darkmagic.sweeps.compose.groups import TrickCard
from site_api import TRICKS, documented, public_names
from site_links import REPO

__all__ = ["trick_page", "trick_pages"]

PART = re.compile(r"^([A-Z][A-Za-z ]*):(?:[ ]|$)", re.MULTILINE)


@functools.cache
def trick_pages() -> dict[str, str]:
    """Return the text of each page by its path on the site, the list of all tricks first."""
    cards = trick_cards()
    used = {card.name: [] for card in cards}  # type: dict[str, list[str]]
    for checklist in checklists():
        for trick in checklist.tricks:
            used[trick.name].append(checklist.name)
    pages = {"tricks/index.md": _index(cards, used)}
    return pages | {f"tricks/{c.name}.md": trick_page(c, used[c.name]) for c in cards}


def trick_page(card: TrickCard, used: Sequence[str]) -> str:
    """Return the page of a trick that the checklists `used` compare."""
    first, _, rest = card.card.partition("\n")
    lines = [f"# {card.name}", "", first.partition(": ")[2].capitalize(), ""]
    parts = PART.split(rest)
    for head, text in zip(parts[1::2], parts[2::2], strict=True):
        if head != "Published":
            lines += [f"**{head}:** {' '.join(text.split())}", ""]
    lines += ["## Options", "", *_options(card), ""]
    known = ", ".join(f"`checklist={name}`" for name in used)
    lines += [f"Compared by {known}." if used else "No checklist of ours compares it.", ""]
    lines += ["```sh", f"darkmagic tricks {card.name}", "```", ""]
    lines += ["## Published effects", "", *_published(card.card), ""]
    lines += ["## In Python", "", f"`from {TRICKS} import ...`", ""]
    for module, name in public_names(REPO / "trainers" / "tricks" / "__init__.pyi"):
        if module == f"{TRICKS}.{card.name}":
            lines += documented(module, name, "###")
    return "\n".join(lines)


def _index(cards: Iterable[TrickCard], used: dict[str, list[str]]) -> str:
    rows = [
        f"| [{c.name}]({c.name}.md) | {_cell(c.summary.partition(': ')[2])} | {len(c.options)} "
        f"| {len(published_effects(c.card))} | {', '.join(used[c.name])} |"
        for c in cards
    ]
    return "\n".join(
        [
            "# Tricks",
            "",
            "Every trick that can be compared, from its card in the code. `trick/NAME=OPTION` puts",
            "an option into every trial; a checklist compares options with its first one.",
            "",
            "| trick | what it is | options | published effects | checklists |",
            "|---|---|--:|--:|---|",
            *rows,
            "",
        ]
    )


def _options(card: TrickCard) -> Iterator[str]:
    yield "| option | its numbers | what they may be |"
    yield "|---|---|---|"
    for option in card.options:
        fields = ", ".join(f"`{name}: {value}`" for name, value in card.fields[option].items())
        ranges = ", ".join(f"`{text}`" for text in card.ranges[option].values())
        yield f"| `{option}` | {fields} | {_cell(ranges)} |"


def _published(card: str) -> Iterator[str]:
    effects = published_effects(card)
    if effects:
        yield "In points of accuracy, as the sources have them, of one network and data set each."
        yield ""
        yield "| option | against | effect | model | data | length and more | source |"
        yield "|---|---|--:|---|---|---|---|"
        yield from map(_effect, effects)
        yield ""
    others = [item for item in _items(card) if not re.match(r"\S+ against \S+: [+-]\d", item)]
    yield from (f"- {_cell(item)}" for item in others)
    if not effects and not others:
        yield "None was looked for and found that is of one network and one data set."


def _effect(effect: Published) -> str:
    cells = [f"`{effect.option}`", f"`{effect.against}`", f"{effect.points:+.2f}"]
    cells += map(_cell, (effect.model, effect.data, effect.schedule, effect.source))
    return f"| {' | '.join(cells)} |"


def _items(card: str) -> list[str]:
    section = card.partition("\nPublished:\n")[2]
    return [" ".join(item.split()) for item in re.split(r"^- ", section, flags=re.MULTILINE)[1:]]


def _cell(text: str) -> str:
    return text.replace("|", "\\|")
