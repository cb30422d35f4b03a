"""Paths on disk: experiments under the out folder, trials under experiments, their files."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from darkmagic.checklist.secrets import mask_nested
from darkmagic.sweeps.trial.command.node import is_command
from darkmagic.sweeps.trial.identity import identity
from darkmagic.trainers.metrics.names import OURS
from darkmagic.trainers.outputs.durable import write_file
from darkmagic.trainers.outputs.event_log import parse_event
from darkmagic.trainers.outputs.names import CONFIG, EVENTS
from darkmagic.trainers.runtime.cache import expand

if TYPE_CHECKING:  # a report, which has names from here, needs none
    from omegaconf import DictConfig

__all__ = [
    "FINAL",
    "OF_COMMAND",
    "decides",
    "experiment_folder",
    "is_edited",
    "is_final",
    "out_folder",
    "read_events",
    "same_trial",
    "trial_folder_name",
    "write_config",
]

FINAL = ("finished", "diverged")
"""Statuses of a result that training again would not change."""


OF_COMMAND = "value"
"""What the metric that decides is called in results where a command of the user's is trained."""


def decides(resolved: Mapping[str, Any]) -> str:
    """Return the name of the metric that decides, of a trial's configuration."""
    if is_command(resolved):
        return OF_COMMAND
    return str(resolved.get("metric") or "accuracy")


def is_final(result: Mapping[str, Any], metric: str) -> bool:
    """Whether training again would not change `result`, and it has the `metric` that decides.

    Where it has another, the trial goes on from its last checkpoint, which is to evaluate it.
    """
    if result["status"] not in FINAL:
        return False
    kept = (*OURS, OF_COMMAND)  # in every result
    found = result["status"] != "finished" or metric in kept or result.get("metric") == metric
    return bool(found)


def out_folder(config: DictConfig) -> Path:
    """Return the absolute folder of all experiments."""
    return expand(config.runtime.out).absolute()


def experiment_folder(config: DictConfig) -> Path:
    """Return the absolute folder of this configuration's experiment."""
    return out_folder(config) / str(config.runtime.experiment)


def trial_folder_name(trial: str, seed: int, identity: str, *, plain: bool = False) -> str:
    """Return a folder's name that a person can read and that no other trial has.

    A `plain` one has no sign but `.`, `+` and `-`, so that the words of a command that name it need
    no quotes of Hydra's or a shell's: in mixup=on the equals sign would be such.

    >>> trial_folder_name("mixup=on", 0, "0123456789", plain=True)
    'mixup-on-s0-01234567'
    """
    name = re.sub(r"[^\w.+-]+", "-", trial, flags=re.ASCII) if plain else trial
    return f"{name[:100]}-s{seed}-{identity[:8]}"


def same_trial(folder: Path, seed: int, identity: str) -> str | None:
    """Return the name of the folder in `folder` of the trial with this identity, if there is one.

    A trial of a screen may have been trained under another name.
    """
    found = sorted(folder.glob(f"*-s{seed}-{identity[:8]}"))
    return found[0].name if found else None


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


def write_config(directory: Path, resolved: Mapping[str, Any]) -> None:
    """Write the configuration of the trial in `directory`, without the secrets in it.

    Such as a store's password, which a command may have in its words or its environment too.
    """
    text = yaml.safe_dump(mask_nested(dict(resolved)), sort_keys=False)
    write_file(directory / CONFIG, lambda file: file.write(text.encode()))


def is_edited(path: Path, trial_identity: str) -> bool:
    """Whether the configuration in `path` is not the one of the trial with this identity.

    `trial_identity` may be its first digits alone. A file that is not there is not edited.
    """
    try:
        content = yaml.load(path.read_bytes(), getattr(yaml, "CSafeLoader", yaml.SafeLoader))  # noqa: S506 (both are safe)
    except FileNotFoundError:
        return False
    except (yaml.YAMLError, UnicodeDecodeError):
        return True
    if not isinstance(content, dict):
        return True
    try:
        return not identity(content).startswith(trial_identity)
    except (TypeError, AttributeError, ValueError):
        return True
