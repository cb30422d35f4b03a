"""Mending of a trial's folder before a sweep reads it: what is damaged is named and set aside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from darkmagic.sweeps.trial.paths import FINAL, is_edited, write_config
from darkmagic.trainers.outputs.correct import read_correct
from darkmagic.trainers.outputs.durable import DamagedFileError, set_aside
from darkmagic.trainers.outputs.event_log import repair_events
from darkmagic.trainers.outputs.names import CHECKPOINT, CONFIG, CORRECT, LOG, RESULT
from darkmagic.trainers.outputs.result_file import read_result

__all__ = ["mend_folder"]

FILES = (CONFIG, LOG, CHECKPOINT, CORRECT, RESULT)


def mend_folder(directory: Path, resolved: Mapping[str, Any], trial_identity: str) -> list[str]:
    """Set aside what cannot be used in the folder of the trial `resolved`; say what it was.

    A trial whose result is set aside goes on from its checkpoint, or starts over. Only the process
    that holds the experiment may do this, as no worker writes meanwhile.
    """
    if not directory.exists():
        return []
    if not directory.is_dir():
        return [f"{directory.name} is a file, no folder: set aside as {set_aside(directory).name}"]
    messages = [*_mend(directory, resolved, trial_identity), *repair_events(directory)]
    return [f"{directory.name}: {message}" for message in messages]


def _mend(directory: Path, resolved: Mapping[str, Any], trial_identity: str) -> Iterator[str]:
    for name in FILES:
        if (directory / name).is_dir():
            yield _aside(DamagedFileError(directory / name, "is a folder"))
    if is_edited(directory / CONFIG, trial_identity):
        yield _aside(DamagedFileError(directory / CONFIG, "was edited by hand, and is not used"))
        write_config(directory, resolved)
    result: dict[str, Any] | None = None
    try:
        result = read_result(directory)
    except DamagedFileError as damage:
        yield f"{_aside(damage)}; {_what_next(directory)}"
    final = result is not None and result["status"] in FINAL
    images = result.get("val_images") if result is not None and final else None
    try:
        read_correct(directory / CORRECT, images)
    except DamagedFileError as damage:
        message = _aside(damage)
        if final and (directory / CHECKPOINT).exists():  # predictions are made again from it
            (directory / RESULT).unlink()
            message += f"; {_what_next(directory)}"
        yield message


def _aside(damage: DamagedFileError) -> str:
    return f"{damage}: set aside as {set_aside(damage.path).name}"


def _what_next(directory: Path) -> str:
    if (directory / CHECKPOINT).exists():
        return "the trial goes on from its checkpoint"
    return "the trial starts over"
