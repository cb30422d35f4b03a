"""Lines about a network that its makers leave for whoever reads the log: what was not done, why."""

from __future__ import annotations

from torch import nn

__all__ = ["add_note", "notes_of"]

_ATTRIBUTE = "darkmagic_notes"  # of a module, outside its state dict


def add_note(network: nn.Module, line: str) -> None:
    """Leave `line` with `network`; it follows a copy, and the network into another module."""
    network.__dict__.setdefault(_ATTRIBUTE, []).append(line)


def notes_of(network: nn.Module) -> list[str]:
    """Return the lines that were left with `network` and what is in it, each once."""
    found = [line for module in network.modules() for line in module.__dict__.get(_ATTRIBUTE, ())]
    return list(dict.fromkeys(found))
