"""Who trains an experiment: one process at a time, on one machine or on several that share it.

The holder is named in a file of the experiment's folder, whose time the holder renews. Another
process of the same machine asks the machine whether the holder lives; one of another machine
waits for the file's time to stand still, by the clock of the file system that both share.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import signal
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from darkmagic.checklist.errors import UserError

__all__ = ["HELD", "check_free", "hold_experiment", "hold_trials"]

HELD = ".held.json"
BEAT_SECONDS = 5.0
SILENT_SECONDS = 60.0
"""A holder of another machine that is silent for so long is taken for dead."""
GUARD_SECONDS = 10.0


@dataclass(frozen=True)
class _Holder:
    """A process: `born` is when it began, as the machine counts, as numbers are given again."""

    host: str
    machine: str  # of this start of it, and of this container
    pid: int
    born: str
    since: float  # the unix time from when it has held the experiment
    token: str

    @classmethod
    def this_process(cls) -> _Holder:
        pid = os.getpid()
        return cls(
            platform.node(), _machine(), pid, _born(pid), round(time.time(), 1), uuid.uuid4().hex
        )

    def is_alive(self, path: Path) -> bool:
        """Whether it runs; `path` is its file."""
        if self.machine == _machine():
            return bool(self.born) and self.born == _born(self.pid)
        return _age(path) < SILENT_SECONDS

    def __str__(self) -> str:
        since = datetime.fromtimestamp(self.since).astimezone().strftime("%Y-%m-%d %H:%M:%S")
        return f"process {self.pid} on {self.host} since {since}"


def check_free(folder: Path) -> None:
    """Raise `UserError` if another process holds the experiment in `folder`."""
    found = _read(folder / HELD)
    if found is not None and found.is_alive(folder / HELD):
        raise _held(_name(folder), found)


@contextlib.contextmanager
def hold_experiment(folder: Path) -> Iterator[None]:
    """Hold the experiment in `folder` inside the block; a holder that is dead is replaced.

    Raises `UserError` if another process holds it, or if it cannot be written to.
    """
    with _hold({folder / HELD: _name(folder)}):
        yield


@contextlib.contextmanager
def hold_trials(folders: Sequence[Path]) -> Iterator[None]:
    """Hold single trials, each by its folder, inside the block."""
    with _hold({f.with_name(f"{HELD}.{f.name}"): f"the trial in {f}" for f in folders}):
        yield


def _name(folder: Path) -> str:
    return f"experiment {folder.name!r}"


@contextlib.contextmanager
def _hold(files: Mapping[Path, str]) -> Iterator[None]:
    """Hold every file of `files`, which says what each stands for."""
    ours = _Holder.this_process()
    taken: list[Path] = []
    lost: list[UserError] = []
    stop = threading.Event()
    beats = threading.Thread(target=_beat, args=(files, ours, stop, lost), daemon=True)
    try:
        for path, name in files.items():
            _take(path, ours, name)
            taken.append(path)
        beats.start()
        yield
    except KeyboardInterrupt:
        if lost:
            raise lost[0] from None
        raise
    finally:
        stop.set()
        for path in taken:
            with contextlib.suppress(OSError):
                if _read(path) == ours:
                    path.unlink()


def _take(path: Path, ours: _Holder, name: str) -> None:
    """Write `ours` to `path`. A lock beside it makes that one step for processes that lock."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f"{path}.lock", timeout=GUARD_SECONDS):
            found = _read(path)
            if found is not None and found.is_alive(path):
                raise _held(name, found)
            part = path.with_name(f"{path.name}.{ours.token}")
            part.write_text(json.dumps(asdict(ours)) + "\n")
            part.replace(path)
    except Timeout:
        raise UserError(f"{name} is being started by another process: try again") from None
    except (FileExistsError, NotADirectoryError) as error:
        raise UserError(
            f"cannot make the folder {path.parent}: there is a file of that name"
        ) from error
    except OSError as error:
        reason = os.strerror(error.errno or 0)
        raise UserError(f"cannot write to {path.parent}: {reason}") from error
    found = _read(path)
    if found is not None and found != ours:  # on a file system whose locks do nothing
        raise _held(name, found)


def _held(name: str, holder: _Holder) -> UserError:
    return UserError(
        f"{name} is being trained by {holder}; wait for it, or give another name: -n NAME"
    )


def _read(path: Path) -> _Holder | None:
    """Return the holder that a file names; None without one, or if it is of no use."""
    try:
        content: dict[str, Any] = json.loads(path.read_text())
        return _Holder(**content)
    except (OSError, ValueError, TypeError):
        return None


def _age(path: Path) -> float:
    """Return the seconds since the file's time, by the clock of its file system."""
    probe = path.with_name(f"{HELD}.{uuid.uuid4().hex}")
    try:
        written = path.stat().st_mtime
        probe.touch()
        now = probe.stat().st_mtime
        probe.unlink()
    except OSError:
        return 0.0
    return now - written


def _beat(
    files: Mapping[Path, str], ours: _Holder, stop: threading.Event, lost: list[UserError]
) -> None:
    """Renew the files' times. Interrupt this process if another took one, while it was stopped."""
    while not stop.wait(BEAT_SECONDS):
        for path, name in files.items():
            found = _read(path)
            if found is not None and found != ours:
                lost.append(_held(name, found))
                # To the main thread itself, as only that ends a call that it waits in.
                signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGINT)
                return
            with contextlib.suppress(OSError):
                os.utime(path)


def _machine() -> str:
    """Return what tells this start of this machine, and this container of it, from others."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return platform.node()


def _born(pid: int) -> str:
    """Return when a process began, in ticks since the start of the machine; empty without it."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return ""
    after = stat.rpartition(")")[2].split()
    return "" if after[0] == "Z" else after[19]
