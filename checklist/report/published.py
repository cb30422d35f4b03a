"""Effects that were published, as a trick's card lists them."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

__all__ = ["Published", "published_effects"]

HEADING = re.compile(r"^Published:\s*$", re.MULTILINE)
COMPARED = re.compile(r"(?P<option>\S+) against (?P<against>\S+): (?P<points>[+-]\d+(\.\d+)?)")


@dataclass(frozen=True)
class Published:
    """`option` minus `against`, in points of accuracy, with where it was found."""

    option: str
    against: str
    points: float
    model: str
    data: str
    schedule: str
    source: str

    def reversed(self) -> Published:
        """Return the same finding, stated for the other option."""
        return replace(self, option=self.against, against=self.option, points=0.0 - self.points)

    @property
    def setting(self) -> str:
        """Model, data and schedule in a phrase."""
        return ", ".join(part for part in (self.model, self.data, self.schedule) if part)


def published_effects(card: str) -> list[Published]:
    """Return the effects under the card's line `Published:`.

    One item each, `- on against off: +0.97; model; data; schedule; source`, which may go on
    in indented lines. Items without a number (`- none found`) are no effects. Raises
    `ValueError` for an item with a number that has not all five parts.
    """
    found = HEADING.search(card)
    if not found:
        return []
    section = re.split(r"\n\s*\n|\n(?=[A-Z][A-Za-z ]*:)", card[found.end() :].lstrip("\n"))[0]
    effects = []
    for item in re.split(r"^- ", section, flags=re.MULTILINE)[1:]:
        parts = [part.strip() for part in " ".join(item.split()).split(";")]
        compared = COMPARED.fullmatch(parts[0])
        if compared is None:
            continue
        if len(parts) != 5:
            raise ValueError(f"published effect {item!r} needs model; data; schedule; source")
        effects.append(
            Published(
                compared["option"], compared["against"], float(compared["points"]), *parts[1:]
            )
        )
    return effects
