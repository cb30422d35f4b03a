"""JSON files that are written atomically and contain no NaN."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from darkmagic.trainers.outputs.durable import DamagedFileError, write_file

__all__ = ["finite", "read_json", "write_json"]


def finite(value: Any) -> Any:
    """Return `value`, or None for NaN and infinity, which JSON does not have."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` to `path` atomically: a reader finds all of it or no file."""
    content = {key: finite(value) for key, value in content.items()}
    text = json.dumps(content, indent=2) + "\n"
    write_file(path, lambda file: file.write(text.encode()))


def read_json(path: Path) -> dict[str, Any] | None:
    """Return the object in the file `path`; None if there is none.

    Raises `DamagedFileError` for whatever else is there.
    """
    try:
        text = path.read_bytes()
    except FileNotFoundError:
        return None
    except IsADirectoryError:
        raise DamagedFileError(path, "is a folder") from None
    except NotADirectoryError:
        raise DamagedFileError(path.parent, "is no folder") from None
    if not text.strip():
        raise DamagedFileError(path, "is empty")
    try:
        content = json.loads(text)
    except (ValueError, RecursionError):  # also for bytes that are no text
        raise DamagedFileError(path, "is cut short or no JSON") from None
    if not isinstance(content, dict):
        raise DamagedFileError(path, "is no JSON object")
    return content
