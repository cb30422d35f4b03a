"""Paths on disk: experiments under the out folder, trials under experiments."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from omegaconf import DictConfig

from darkmagic.trainers.outputs.event_log import parse_event
from darkmagic.trainers.outputs.names import EVENTS
from darkmagic.trainers.runtime.cache import expand

__all__ = [
    "FINAL",
    "experiment_folder",
    "out_folder",
    "read_events",
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


def read_events(directory: Path, offset: int = 0) -> tuple[list[dict[str, Any]], int]:
    """Return the events from byte `offset` on, and the offset to continue from.

    A line that is still being written is left for the next call, and one that cannot be read is
    left out.
    """
    try:
        with (directory / EVENTS).open("rb") as file:
            file.seek(offset)
            content = file.read()
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return [], offset
    whole = content.rfind(b"\n") + 1
    events = (parse_event(line) for line in content[:whole].splitlines())
    return [event for event in events if event is not None], offset + whole
