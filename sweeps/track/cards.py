"""What is stored beside a sweep's runs so that a report needs nothing else: cards and images."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from darkmagic.checklist.model import Checklist

if TYPE_CHECKING:
    from hydra.core.config_loader import ConfigLoader

__all__ = ["CARDS", "IMAGES", "read_json", "write_cards"]

CARDS = "cards.json"
IMAGES = "images.json"


def write_cards(loader: ConfigLoader, checklist: Checklist, folder: Path) -> Path:
    """Write the card of every trick of `checklist` into `folder`; return the file."""
    from darkmagic.sweeps.compose.groups import (
        trick_card,
        trick_names,
    )  # with Hydra, which no reader needs

    folder.mkdir(parents=True, exist_ok=True)
    known = set(trick_names(loader))  # a command's own tricks have none
    listed = [trick.name for trick in checklist.tricks if trick.name in known]
    cards = {name: trick_card(loader, name).card for name in listed}
    path = folder / CARDS
    path.write_text(json.dumps(cards, indent=1) + "\n")
    return path


def read_json(path: Path | None) -> dict[str, Any]:
    """Return what such a file holds, as the cards by trick; empty if there is none."""
    if path is None or not path.exists():
        return {}
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):  # a report without it is better than none
        return {}
    return content if isinstance(content, dict) else {}
