"""A trick's card, taken apart at its headings."""

from __future__ import annotations

import re
from dataclasses import dataclass

__all__ = ["Card", "read_card"]

HEADING = re.compile(r"^([A-Z][A-Za-z ]{2,30}):[ \n]", re.MULTILINE)


@dataclass(frozen=True)
class Card:
    """`lead` is what the trick is; `parts` are a heading and its paragraphs or items each."""

    lead: str
    parts: tuple[tuple[str, tuple[str, ...]], ...]


def read_card(text: str) -> Card:
    r"""Return the parts of a card, the published effects an item each.

    >>> card = read_card("mixup: blends.\n\nWhat: a\nblend.\nPublished:\n- on against off: +1; M")
    >>> card.lead, card.parts[0], card.parts[1]
    ('mixup: blends.', ('What', ('a blend.',)), ('Published', ('on against off: +1; M',)))
    """
    lead, *rest = HEADING.split(f"{text.strip()}\n")
    parts = []
    for heading, body in zip(rest[::2], rest[1::2], strict=True):
        items = re.split(r"^- ", body, flags=re.MULTILINE)
        found = items[1:] if len(items) > 1 and not items[0].strip() else body.split("\n\n")
        parts.append((heading, tuple(" ".join(i.split()) for i in found if i.strip())))
    return Card(" ".join(lead.split()), tuple(parts))
