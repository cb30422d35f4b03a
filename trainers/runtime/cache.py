"""Where this machine keeps what trials share, and how long it waits for downloads."""

from __future__ import annotations

import contextlib
import os
import socket
from collections.abc import Iterator
from pathlib import Path

__all__ = ["cache_folder", "downloading", "expand"]

SILENT_SECONDS = 20.0
"""After which a server that sends nothing is given up."""


@contextlib.contextmanager
def downloading() -> Iterator[None]:
    """Have downloads in the block raise `OSError` where a server sends nothing for a while.

    Those of torch and torchvision set no time themselves, so that a trial behind a firewall that
    drops what it is sent would wait for ever.

    >>> with downloading():
    ...     print(socket.getdefaulttimeout())
    20.0
    """
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENT_SECONDS)
    try:
        yield
    finally:
        socket.setdefaulttimeout(before)


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
