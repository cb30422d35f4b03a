"""A process that holds something, named in a file whose time it renews while it lives.

Another process of the same machine asks the machine whether the holder lives; one of another
machine waits for the file's time to stand still, by the clock of the file system that both share.
"""

from __future__ import annotations

import contextlib
import errno
import json
import os
import platform
import subprocess
import time
import uuid
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

__all__ = ["SILENT_SECONDS", "Holder", "folder_time", "read_holder", "seconds_since"]

SILENT_SECONDS = 60.0
"""A holder of another machine that is silent for so long is taken for dead."""
PS_SECONDS = 10.0
READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


@dataclass(frozen=True)
class Holder:
    """A process: `born` is when it began, as the machine counts, as numbers are given again."""

    host: str
    machine: str  # of this start of it, and of this container
    pid: int
    born: str
    since: float  # the unix time from when it holds
    token: str

    @classmethod
    def this_process(cls) -> Holder:
        """Return a holder of this process, unlike any other."""
        pid = os.getpid()
        return cls(
            platform.node(), _machine(), pid, _born(pid), round(time.time(), 1), uuid.uuid4().hex
        )

    @property
    def is_here(self) -> bool:
        """Whether it is of this machine, which knows of it."""
        return self.machine == _machine()

    def runs_here(self) -> bool:
        """Whether it runs on this machine."""
        return bool(self.born) and self.born == _born(self.pid)

    def is_alive(self, path: Path, silent: float = SILENT_SECONDS) -> bool:
        """Whether it runs; `path` is its file."""
        return self.runs_here() if self.is_here else seconds_since(path) < silent

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return f"process {self.pid} on {self.host} since {since}"


def read_holder(path: Path) -> Holder | None:
    """Return the holder that a file names; None without one, or if it is of no use."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        return Holder(**content)
    except (OSError, ValueError, TypeError):
        return None


def seconds_since(path: Path) -> float:
    """Return the seconds since the file's time, by the clock of its file system; 0 if unknown.

    The file is opened, which has a client of NFS ask the server rather than its cache.
    """
    try:
        with path.open("rb") as file:
            written = os.fstat(file.fileno()).st_mtime
        return folder_time(path.parent) - written
    except OSError:
        return 0.0


def folder_time(folder: Path) -> float:
    """Return the unix time by the clock of the file system that has `folder`.

    Where nothing may be written there, as by who only looks on, by this machine's. Raises `OSError`
    where the folder cannot be reached.
    """
    probe = folder / f".probe.{uuid.uuid4().hex}"
    try:
        probe.touch()
        now = probe.stat().st_mtime
        probe.unlink()
    except OSError as error:
        if error.errno not in READ_ONLY:
            raise
        return time.time()
    return now


def _machine() -> str:
    """Return what tells this start of this machine, and this container of it, from others."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return platform.node()


def _born(pid: int) -> str:
    """Return when a process began, in ticks since the start of the machine; empty without it."""
    if not Path("/proc/self/stat").exists():
        return _started(pid)
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    after = stat.rpartition(")")[2].split()
    return "" if after[0] == "Z" else after[19]


def _started(pid: int) -> str:
    """Return when a process began, as `ps` says it: for macOS, which has no `/proc`."""
    try:
        done = subprocess.run(  # noqa: S603 (fixed arguments)
            ["ps", "-o", "lstart=", "-o", "stat=", "-p", str(pid)],  # noqa: S607 (in every PATH)
            capture_output=True,
            text=True,
            timeout=PS_SECONDS,
            check=False,
            env={**os.environ, "LC_ALL": "C"},
        )
    except (OSError, subprocess.SubprocessError):
        return ""
    started, _, state = done.stdout.strip().rpartition(" ")
    return "" if state.startswith("Z") else started.strip()
