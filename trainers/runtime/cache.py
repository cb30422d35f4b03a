"""Where this machine keeps what trials share, and how long it waits for downloads."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import quote

__all__ = ["OFFLINE", "cache_folder", "downloading", "expand", "forget_silence", "is_silence"]

OFFLINE = "DARKMAGIC_OFFLINE"
"""A variable of the environment, under which nothing is downloaded; dry runs set it."""

SILENT_SECONDS = 20.0
"""After which a server that sends nothing is given up."""
REMEMBERED_SECONDS = 600.0
"""For which others do not wait for it again: to wait once in so long costs a long sweep little."""


@contextlib.contextmanager
def downloading(server: str) -> Iterator[None]:
    """Have downloads from `server` in the block raise `OSError` where it sends nothing for a while.

    Those of torch and torchvision set no time themselves, so that a trial behind a firewall that
    drops what it is sent would wait for ever. A server that was silent is remembered on this
    machine: other trials do not wait for it again, but raise `OSError` at once, which says since
    when. That ends after `REMEMBERED_SECONDS`, or with `forget_silence`. Under `OFFLINE` no server
    is asked: `OSError`, too.

    >>> with downloading("example.org"):
    ...     print(socket.getdefaulttimeout())
    20.0
    """
    if os.environ.get(OFFLINE):
        raise OSError(f"nothing is downloaded in a dry run, nor where {OFFLINE} is set")
    mark = _silences() / f"{quote(server, safe='')}@{socket.gethostname()}"
    _refuse_silent(server, mark)
    before = socket.getdefaulttimeout()
    socket.setdefaulttimeout(SILENT_SECONDS)
    try:
        yield
    except (OSError, RuntimeError) as error:
        if is_silence(error):
            with contextlib.suppress(OSError):  # a read-only home: others wait as this one did
                mark.parent.mkdir(parents=True, exist_ok=True)
                mark.touch()
        raise
    finally:
        socket.setdefaulttimeout(before)


def _refuse_silent(server: str, mark: Path) -> None:
    """Raise `OSError` where `mark` says that `server` was silent not long ago."""
    try:
        since = mark.stat().st_mtime
    except OSError:
        return
    if time.time() - since < REMEMBERED_SECONDS:
        at = time.strftime("%H:%M", time.localtime(since))
        raise OSError(
            f"{server} sent nothing at {at}; the next command asks it again, and so does this one "
            f"after {REMEMBERED_SECONDS / 60:g} minutes"
        )


def forget_silence() -> None:
    """Forget which servers were silent, as a command does that begins: the network may be back."""
    for mark in _silences().glob("*"):
        with contextlib.suppress(OSError):
            mark.unlink()


def is_silence(error: BaseException | None) -> bool:
    """Return whether a download failed for want of any answer, also of one to the server's name.

    >>> is_silence(TimeoutError("timed out")), is_silence(OSError("disk full"))
    (True, False)
    """
    if error is None or isinstance(error, TimeoutError | socket.gaierror):
        return error is not None
    reason = getattr(error, "reason", None)  # urllib's
    if isinstance(reason, BaseException):
        return is_silence(reason)
    # Of several mirrors torchvision leaves what each said, as text.
    return isinstance(error, RuntimeError) and "timed out" in str(error)


def _silences() -> Path:
    return cache_folder(None) / "silent_servers"


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
