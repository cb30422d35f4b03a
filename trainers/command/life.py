"""Signs of life of a command that prints nothing, and what runs of it when it is ended."""

from __future__ import annotations

import contextlib
import faulthandler
import glob
import multiprocessing
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path

from darkmagic.trainers.command.log import printable_line
from darkmagic.trainers.command.spec import fill
from darkmagic.trainers.command.tree import ProcessTree, catches

__all__ = ["FileLife", "telling_what_runs"]

MAX_FILES = 2000
"""That are looked at: of a folder with more, those that are found first."""
LEAST_SECONDS, SHARE = 1.0, 0.02
"""Between two looks at them, and the share of a core that they may take."""
MAX_SHOWN = 20
STATES = {"R": "runs", "S": "sleeps", "D": "waits for a disk or a network", "T": "is stopped"}


class FileLife:
    """The files that a command writes, in its `directory` and where `patterns` say.

    A script that logs to files alone, or to its own MLflow store there, is alive while they grow.

    >>> life = FileLife(Path(), ("*.csv",), {})
    >>> life.has_grown()
    False
    >>> _ = Path("log.csv").write_text("epoch,loss")
    >>> time.sleep(LEAST_SECONDS)
    >>> life.has_grown(), life.has_grown()
    (True, False)
    """

    def __init__(self, directory: Path, patterns: Sequence[str], values: Mapping[str, str]) -> None:
        self._directory = directory
        self._patterns = [str(directory / fill(pattern, values)) for pattern in patterns]
        self._seen = self._newest()
        self._next = time.monotonic() + LEAST_SECONDS

    def has_grown(self) -> bool:
        """Whether a file is newer than at the last look; False before another one is due."""
        began = time.monotonic()
        if began < self._next:
            return False
        before, self._seen = self._seen, self._newest()
        took = time.monotonic() - began
        self._next = time.monotonic() + max(LEAST_SECONDS, took / SHARE)
        return self._seen != before

    def _newest(self) -> tuple[int, int]:
        """Return when the newest file was written, in nanoseconds, and the size of all."""
        when, size = 0, 0
        for path in islice(self._files(), MAX_FILES):
            with contextlib.suppress(OSError):
                found = Path(path).stat()
                when, size = max(when, found.st_mtime_ns), size + found.st_size
        return when, size

    def _files(self) -> Iterator[str]:
        for pattern in self._patterns:
            yield from glob.iglob(pattern, recursive=True)  # noqa: PTH207 (it may be absolute)
        for folder, _, names in os.walk(self._directory):
            yield from (os.path.join(folder, name) for name in names)  # noqa: PTH118 (of many)


@contextlib.contextmanager
def telling_what_runs(tree: ProcessTree, tell: Callable[[str], None]) -> Iterator[None]:
    """Have the signal that asks a trial for its stacks tell of its command too, while it runs.

    That is SIGUSR1, which a launcher sends before it ends a trial without progress. `tell` is
    given a line for each process that is alive, which may have secrets of the user's; and those
    that write their stacks at that signal get it, as a script of Python does after
    `faulthandler.register(signal.SIGUSR1)`. No other does: it would end one that expects none, and
    one of Python writes its stacks when the tree is stopped, which `wants_stacks` then.
    """
    if multiprocessing.parent_process() is None:
        yield
        return

    def on_signal(*_: object) -> None:
        tree.wants_stacks = True
        for pid in islice(sorted(tree.running()), MAX_SHOWN):
            tell(f"no progress: {_description(pid)}")
        for pid in tree.running():
            if catches(pid, signal.SIGUSR1):
                with contextlib.suppress(ProcessLookupError, PermissionError):
                    os.kill(pid, signal.SIGUSR1)

    faulthandler.unregister(signal.SIGUSR1)
    before = signal.signal(signal.SIGUSR1, on_signal)
    faulthandler.register(signal.SIGUSR1, file=2, chain=True)
    try:
        yield
    finally:
        faulthandler.unregister(signal.SIGUSR1)
        signal.signal(signal.SIGUSR1, before)
        faulthandler.register(signal.SIGUSR1, file=2)  # as every child of ours has it


def _description(pid: int) -> str:
    """Return the number, state, seconds of CPU and words of a process, as far as can be read."""
    folder, state, seconds, words = Path(f"/proc/{pid}"), "", 0.0, b""
    with contextlib.suppress(OSError, ValueError, IndexError):
        fields = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
        state = STATES.get(fields[0], fields[0])
        seconds = (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        words = (folder / "cmdline").read_bytes().replace(b"\0", b" ")
    return f"process {pid} {state}, {seconds:.1f} s of CPU: {printable_line(words)}"
