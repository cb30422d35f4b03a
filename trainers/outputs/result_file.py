"""The file `result.json`: what it must have to be believed, by which an edit is noticed."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from darkmagic.trainers.outputs.durable import DamagedFileError, set_aside
from darkmagic.trainers.outputs.json_file import finite, read_json, write_json
from darkmagic.trainers.outputs.names import RESULT

__all__ = ["read_result", "read_sound_result", "write_result"]

STATUSES = {
    *("finished", "diverged", "failed", "skipped", "not_applicable"),
    *("pruned", "stopped"),  # ended early by a study or a rule
}
TEXTS = ("reason", "metric", "edits", "device", "stepping", "torch", "script")
DIGEST = "digest"


def write_result(directory: Path, result: Mapping[str, Any]) -> None:
    """Write `result` as the result of the trial in `directory`, atomically."""
    content = {key: finite(value) for key, value in result.items()}
    write_json(directory / RESULT, {**content, DIGEST: _digest(content)})


def read_result(directory: Path) -> dict[str, Any] | None:
    """Return a trial's result; None while it has none.

    Raises `DamagedFileError` for one that was not written whole, or was edited since.
    """
    path = directory / RESULT
    content = read_json(path)
    if content is None:
        return None
    digest = content.pop(DIGEST, None)  # results of earlier versions have none
    if digest is not None and digest != _digest(content):
        raise DamagedFileError(path, "was edited by hand")
    if content.get("status") not in STATUSES:
        raise DamagedFileError(path, "has no status that we know")
    content.setdefault("reason", "")
    for name, value in content.items():
        kind = str if name in (*TEXTS, "status") else int | float | None
        if not isinstance(value, kind):
            raise DamagedFileError(path, f"has no valid {name}")
    figures = (content.get("val_accuracy"), content.get("value"))
    if content["status"] == "finished" and figures == (None, None):
        raise DamagedFileError(path, "has no val_accuracy")
    return content


def read_sound_result(folder: Path) -> dict[str, Any] | None:
    """Return the result in `folder`; None without one. One that is damaged is set aside."""
    try:
        return read_result(folder)
    except DamagedFileError as damage:
        print(f"{damage}: set aside as {set_aside(damage.path).name}", flush=True)  # noqa: T201 (log)
        return None


def _digest(content: Mapping[str, Any]) -> str:
    text = json.dumps(content, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]
