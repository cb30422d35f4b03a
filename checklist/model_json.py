"""A checklist as JSON, and back."""

from __future__ import annotations

import json
from dataclasses import asdict

from darkmagic.checklist.model import Checklist, Trick

__all__ = ["from_json", "to_json"]


def to_json(checklist: Checklist) -> str:
    """Return `checklist` as a line of JSON."""
    content = asdict(checklist)
    for trick in content["tricks"]:
        if not trick["retune"]:  # a tag holds so many characters
            del trick["retune"]
    return json.dumps(content)


def from_json(text: str) -> Checklist:
    """Return the checklist that `to_json` wrote."""
    content = json.loads(text)
    tricks = (
        Trick(
            t["name"],
            t["section"],
            tuple(t["options"]),
            t["vanilla"],
            {option: tuple(names) for option, names in t.get("retune", {}).items()},
        )
        for t in content["tricks"]
    )
    return Checklist(content["name"], tuple(tricks))
