"""The files in which a trial's metric may be: those that its command wrote."""

from __future__ import annotations

import csv
import glob
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

from darkmagic.trainers.command.sources.tables import read_table
from darkmagic.trainers.command.sources.tensorboard import read_event_file
from darkmagic.trainers.command.sources.values import Found
from darkmagic.trainers.command.sources.wandb import read_wandb_file
from darkmagic.trainers.command.spec import fill

__all__ = ["new_files", "read_files"]

Reader = Callable[[Path], Found]
READERS: tuple[tuple[tuple[str, ...], Reader], ...] = (
    (("*.csv", "*.tsv"), read_table),
    (("*.jsonl", "*.ndjson", "*.json"), read_table),
    (("*.tfevents.*",), read_event_file),
    (("*.wandb",), read_wandb_file),
)
"""Kinds of files by their names, in the order in which they are believed."""
MAX_FILES = 1000
"""Of one kind that are looked at."""


def read_files(
    patterns: Sequence[str], directory: Path, values: Mapping[str, str], since: float
) -> Iterator[Found]:
    """Yield what is in the files that a command wrote since the unix time `since`.

    Those that `patterns` name come first: paths that may have `*`, `**` and placeholders, within
    the trial's own `directory` if they are relative. Then all in `directory`, kind by kind.
    """
    for pattern in patterns:
        path = Path(fill(pattern, values))
        named = path if path.is_absolute() else directory / path
        yield from _read(sorted(map(Path, glob.glob(str(named), recursive=True))), since)  # noqa: PTH207 (of an absolute pattern)
    for names, _ in READERS:
        found = (path for name in names for path in directory.rglob(name))
        yield from _read(sorted(found)[:MAX_FILES], since)


def new_files(directory: Path, since: float) -> list[str]:
    """Return the names of files in `directory` that were written since then, the newest first."""
    found = list(itertools.islice(directory.rglob("*"), MAX_FILES))
    written = [(p.stat().st_mtime, p.relative_to(directory)) for p in found if p.is_file()]
    return [str(path) for when, path in sorted(written, reverse=True) if when >= since]


def _read(paths: Sequence[Path], since: float) -> Iterator[Found]:
    """Yield the content of each of `paths`, the newest first."""
    written = [(path.stat().st_mtime, path) for path in paths if path.is_file()]
    for when, path in sorted(written, reverse=True):
        reader = next((r for names, r in READERS if any(map(path.match, names))), read_table)
        if when >= since:
            try:
                yield reader(path)
            except (OSError, ValueError, csv.Error):  # not what its name says
                continue
