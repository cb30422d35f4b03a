"""Checkpoints: written atomically, and safe to load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from darkmagic.trainers.outputs.names import CHECKPOINT

__all__ = ["load_checkpoint", "save_checkpoint"]


def save_checkpoint(directory: Path, state: Mapping[str, Any]) -> None:
    """Save `state` atomically: it replaces the checkpoint before it once it is complete."""
    temporary = directory / (CHECKPOINT + ".part")
    torch.save(dict(state), temporary)
    temporary.replace(directory / CHECKPOINT)


def load_checkpoint(directory: Path) -> dict[str, Any] | None:
    """Return the directory's checkpoint, on the CPU; None where there is none."""
    path = directory / CHECKPOINT
    if not path.exists():
        return None
    state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    return state
