"""Paths on disk: experiments under the out folder, trials under experiments."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from darkmagic.trainers.outputs.names import EVENTS, RESULT
from darkmagic.trainers.runtime.cache import expand

__all__ = [
    "FINAL",
    "experiment_folder",
    "out_folder",
    "read_events",
    "read_result",
    "trial_folder_name",
]

FINAL = ("finished", "diverged")
"""Statuses of a result that training again would not change."""


def out_folder(config: DictConfig) -> Path:
    """Return the absolute folder of all experiments."""
    return expand(config.runtime.out).absolute()


def experiment_folder(config: DictConfig) -> Path:
    """Return the absolute folder of this configuration's experiment."""
    return out_folder(config) / str(config.runtime.experiment)


def trial_folder_name(trial: str, seed: int, identity: str) -> str:
    """Return a folder's name that a person can read and that no other trial has."""
    return f"{trial[:100]}-s{seed}-{identity[:8]}"


def read_result(directory: Path) -> dict[str, Any] | None:
    """Return a trial's result; None while it has none."""
    try:
        content: dict[str, Any] = json.loads((directory / RESULT).read_text())
    except FileNotFoundError:
        return None
    return content


def read_events(directory: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Return the events from byte `offset` on, and the offset to continue from.

    A line that is still being written is left for the next call.
    """
    try:
        with (directory / EVENTS).open("rb") as file:
            file.seek(offset)
            content = file.read()
    except FileNotFoundError:
        return [], offset
    whole = content.rfind(b"\n") + 1
    return [json.loads(line) for line in content[:whole].splitlines()], offset + whole
