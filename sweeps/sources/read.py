"""The table of runs of a source, whichever kind it is."""

from __future__ import annotations

import sys
from pathlib import Path

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.judging.table import RunTable
from darkmagic.sweeps.sources.text import read_text

__all__ = ["read_source"]

STDIN = "-"


def read_source(source: str) -> RunTable:
    """Return the table of runs of `source`; raise `UserError` where there is none."""
    if source == STDIN:
        if sys.stdin.isatty():
            raise UserError("nothing is piped in: cat runs.csv | darkmagic judge -")
        return read_text("standard input", sys.stdin.buffer.read())
    path = Path(source).expanduser()
    if not path.exists():
        raise UserError(f"no file {source}; " + _near(path))
    return read_text(path.name, path.read_bytes())


def _near(path: Path) -> str:
    if not path.parent.is_dir():
        return f"there is no folder {path.parent}"
    return nearest(path.name, [p.name for p in path.parent.iterdir()])
