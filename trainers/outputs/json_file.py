"""JSON files that are written atomically and contain no NaN."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

__all__ = ["finite", "write_json"]


def finite(value: Any) -> Any:
    """Return `value`, or None for NaN and infinity, which JSON does not have."""
    return None if isinstance(value, float) and not math.isfinite(value) else value


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write `content` to `path` atomically: a reader finds all of it or no file."""
    temporary = path.with_name(path.name + ".part")
    content = {key: finite(value) for key, value in content.items()}
    temporary.write_text(json.dumps(content, indent=2) + "\n")
    temporary.replace(path)
