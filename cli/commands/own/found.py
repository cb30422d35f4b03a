"""What `darkmagic init` sees in a repository, in lines."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from darkmagic.sweeps.api import FoundData, Script

__all__ = ["data_lines", "script_lines", "short_path"]

MAX_LABELS = 6
KINDS = {
    "hydra": "a training script with Hydra's overrides",
    "lightning": "a training script with LightningCLI",
    "plain": "a training script without options",
}


def short_path(path: Path, here: Path) -> str:
    """Return `path` from `here` where it is below."""
    return str(path.relative_to(here) if path.is_relative_to(here) else path)


def data_lines(found: FoundData, here: Path) -> Iterator[str]:
    """Yield what a data set is: its images and labels, and how they are read."""
    where = short_path(found.path, here)
    if found.why:
        yield f"{where}: a table that cannot be used: {found.why}"
        return
    counted = sorted(found.counts.items(), key=lambda item: -item[1])
    shown = ", ".join(f"{label} {count:,}" for label, count in counted[:MAX_LABELS])
    more = f" and {len(counted) - MAX_LABELS} more" if len(counted) > MAX_LABELS else ""
    kind = "labels, several an image" if found.several else "classes"
    sizes = f": {found.images:,} images, {len(counted)} {kind} ({shown}{more})" if counted else ""
    yield f"{where}: {found.kind}{sizes}"
    yield from (f"  {note}" for note in found.notes)


def script_lines(script: Script, command: str, todo: list[str], root: Path) -> Iterator[str]:
    """Yield what a script is, the command that compares changes of it, and what is left to do."""
    kind = KINDS.get(script.kind, f"a training script with {len(script.options)} options")
    yield f"{short_path(script.path, root)}: {kind}; to compare changes of it as it is:"
    yield f"  {command}"
    yield from (f"  {line}" for line in todo)
