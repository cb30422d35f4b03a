"""Where this machine keeps what trials share."""

from __future__ import annotations

import os
from pathlib import Path

__all__ = ["cache_folder", "expand"]


def cache_folder(named: str | Path | None) -> Path:
    """Return the folder of decoded images, upstream weights and compiled code.

    Where none is `named` it is the user's: $XDG_CACHE_HOME/darkmagic, or ~/.cache/darkmagic.
    """
    base = Path(os.environ.get("XDG_CACHE_HOME", "~/.cache"))
    return expand(named or base / "darkmagic").absolute()


def expand(path: str | Path) -> Path:
    """Return `path` with `~` and environment variables as a shell would have them.

    >>> os.environ["DATA"] = "/data"
    >>> expand("$DATA/photos").as_posix()
    '/data/photos'
    """
    return Path(os.path.expandvars(path)).expanduser()
