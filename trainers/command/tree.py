"""A process and all that it starts, also what leaves its group or outlives its parent."""

from __future__ import annotations

import contextlib
import ctypes
import os
import signal
import subprocess
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

__all__ = ["ProcessTree", "catches", "descendants", "with_variable"]

SUBREAPER, DEATH_SIGNAL = 36, 1
"""Of Linux's prctl: adopt grandchildren whose parent has ended, and end with one's own parent."""
MARK = "DARKMAGIC_TREE"
"""A variable in the environment of all that one program starts."""
TERM_SECONDS = 3.0
"""That a script has to end by itself when it is told to: to write a checkpoint, for example."""
ABORT_SECONDS = 0.5
"""That a program that was told to abort has to write its stacks."""

_prctl: Callable[..., int] | None
try:
    _prctl = ctypes.CDLL(None, use_errno=True).prctl
except (OSError, AttributeError, TypeError):  # another system than Linux
    _prctl = None


class ProcessTree:
    """A program in a process group of its own, without a shell and without standard input.

    What it prints, to stdout and to stderr, comes out of `output`, as bytes. `stop` ends it with
    all that it started: this process adopts what outlives its parent, so nothing gets away. It
    tells where it stood if it `wants_stacks`.
    """

    def __init__(self, words: Sequence[str], environment: Mapping[str, str]) -> None:
        if _prctl is not None:
            _prctl(SUBREAPER, 1, 0, 0, 0)
        self._mark = f"{MARK}={uuid.uuid4().hex}".encode()
        self.process = subprocess.Popen(  # noqa: S603 (what the user asks for)
            list(words),
            env={**environment, MARK: self._mark.decode().partition("=")[2]},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            process_group=0,
            preexec_fn=_end_with_parent,  # noqa: PLW1509 (one system call, which locks nothing)
        )
        self._seen: set[int] = set()
        self.wants_stacks = False
        assert self.process.stdout is not None
        self.output = self.process.stdout
        os.set_blocking(self.output.fileno(), False)

    def poll(self) -> int | None:
        """Return the program's exit code, the negative signal if it was killed; None if it runs."""
        return self.process.poll()

    def stop(self, grace: float = TERM_SECONDS) -> bytes:
        """End all that still runs: asked to, and after `grace` seconds made to.

        Returns what it prints meanwhile. With `wants_stacks` a program of Python writes where it
        stands, as far as it has `faulthandler` (PYTHONFAULTHANDLER): instead of dying of SIGTERM in
        silence, or, where it handles that, when its grace is over.
        """
        said = b""
        steps = [(signal.SIGTERM, grace), (signal.SIGKILL, 5.0)]
        if self.wants_stacks:
            steps.insert(1, (signal.SIGABRT, ABORT_SECONDS))
        for number, seconds in steps:
            deadline = time.monotonic() + seconds
            asked: set[int] = set()
            while running := self.running():
                for pid in running if number == signal.SIGKILL else running - asked:
                    _end(pid, number, stacks=self.wants_stacks)
                asked |= running
                said += self._printed()
                if time.monotonic() > deadline:
                    break
                time.sleep(0.02)
            if not running:
                break
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(1.0)
        said += self._printed()
        self.output.close()
        return said

    def _printed(self) -> bytes:
        with contextlib.suppress(OSError):
            return self.output.read() or b""
        return b""

    def left_behind(self) -> int:
        """Return how many processes still run of those that the program started."""
        return len(self.running() - {self.process.pid})

    def running(self) -> set[int]:
        """Return what runs of the tree, after those that have ended were collected.

        What this process adopted is told from its other children by a variable that it inherited.
        """
        found = {self.process.pid, *descendants(self.process.pid)}
        others = descendants(os.getpid()) - found
        found |= {pid for pid in others if self._mark in _environment(pid)}
        self._seen |= found
        for pid in self._seen - {self.process.pid}:
            with contextlib.suppress(ChildProcessError, OSError):
                os.waitpid(pid, os.WNOHANG)  # one that this process adopted
        self.process.poll()
        return {pid for pid in found if not _has_ended(pid)}


def catches(pid: int, number: int) -> bool:
    """Whether a process has a handler for the signal `number`, by what Linux says of it."""
    with contextlib.suppress(OSError, ValueError):
        for line in Path(f"/proc/{pid}/status").read_text(errors="replace").splitlines():
            if line.startswith("SigCgt:"):
                return bool(int(line.split()[1], 16) >> (number - 1) & 1)
    return False


def _end(pid: int, number: int, *, stacks: bool) -> None:
    """Send a process the signal `number`, or one of which it dies with its `stacks`."""
    if stacks and number == signal.SIGTERM and not catches(pid, signal.SIGUSR1):
        silent = not catches(pid, signal.SIGTERM)
        number = signal.SIGABRT if silent and catches(pid, signal.SIGABRT) else number
    with contextlib.suppress(ProcessLookupError, PermissionError):
        if number == signal.SIGABRT:
            _leave_no_core(pid)
        os.kill(pid, number)


def _leave_no_core(pid: int) -> None:
    """Have a process that is to abort write no image of its memory, which may be gigabytes.

    Of one byte and not of none: a program that receives such images gets them with a limit of 0.
    """
    with contextlib.suppress(ImportError, AttributeError, OSError, ValueError):
        import resource  # noqa: PLC0415 (Windows has none, and others no prlimit)

        _, hard = resource.prlimit(pid, resource.RLIMIT_CORE)
        allowed = 1 if hard == resource.RLIM_INFINITY else min(1, hard)
        resource.prlimit(pid, resource.RLIMIT_CORE, (allowed, hard))


def with_variable(name: str, value: str) -> set[int]:
    """Return the process ids of this user's programs that were started with a variable."""
    wanted = f"{name}={value}".encode()
    pids = (int(entry.name) for entry in Path("/proc").glob("[0-9]*"))
    return {pid for pid in pids if wanted in _environment(pid)}


def _environment(pid: int) -> list[bytes]:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


def _end_with_parent() -> None:
    if _prctl is not None:
        _prctl(DEATH_SIGNAL, signal.SIGKILL, 0, 0, 0)


def descendants(root: int) -> set[int]:
    """Return the process ids of all that `root` started, and what that started, and so on."""
    parents: dict[int, list[int]] = {}
    for entry in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError, IndexError):
            fields = (entry / "stat").read_text(errors="replace").rpartition(")")[2].split()
            parents.setdefault(int(fields[1]), []).append(int(entry.name))
    found: set[int] = set()
    waiting = [root]
    while waiting:
        children = parents.get(waiting.pop(), [])
        waiting += [pid for pid in children if pid not in found]
        found.update(children)
    return found


def _has_ended(pid: int) -> bool:
    """Whether a process is gone, or a zombie that only waits to be collected."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text(errors="replace")
    except OSError:
        return True
    return text.rpartition(")")[2].split()[0] in ("Z", "X")
