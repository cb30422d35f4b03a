"""Checkpoints: written atomically, and safe to load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from darkmagic.trainers.outputs.durable import DamagedFileError, write_file
from darkmagic.trainers.outputs.names import CHECKPOINT

__all__ = ["load_checkpoint", "save_checkpoint"]


def save_checkpoint(directory: Path, state: Mapping[str, Any]) -> None:
    """Save `state` atomically: it replaces the checkpoint before it once it is complete."""
    content = dict(state)
    write_file(directory / CHECKPOINT, lambda file: torch.save(content, file))


def load_checkpoint(directory: Path) -> dict[str, Any] | None:
    """Return the directory's checkpoint, on the CPU; None where there is none.

    Raises `DamagedFileError` for a file that is no checkpoint.
    """
    path = directory / CHECKPOINT
    try:
        state: Any = torch.load(path, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        return None
    except (PermissionError, MemoryError):
        raise
    except Exception as error:  # torch and pickle raise a dozen kinds for as many forms of damage
        what = "is a folder" if path.is_dir() else "is torn or no checkpoint"
        raise DamagedFileError(path, what) from error
    if not isinstance(state, dict):
        raise DamagedFileError(path, "is no checkpoint of ours")
    return state
