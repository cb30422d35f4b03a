"""Fork server: a process with torch imported, which forks one child a job in milliseconds.

Importing torch takes seconds of CPU; a fork of a process that has it, about 50 ms. This is
`multiprocessing`'s own fork server, which runs no user code and never touches CUDA, so that
its children can.

A child does not import the script that asks for it, as `multiprocessing`'s children do: a script
that trains without `if __name__ == "__main__":` would train in each child again. What a child is to
run is sent by cloudpickle, which takes what a script or a notebook defines by its value.
"""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from multiprocessing import forkserver
from multiprocessing.connection import Connection
from types import ModuleType
from typing import TYPE_CHECKING, Any

import cloudpickle

from darkmagic.checklist.errors import UserError
from darkmagic.sweeps.launch.local.child import run_child
from darkmagic.sweeps.launch.local.torch_needed import check_torch
from darkmagic.trainers.command.tree import with_variable

if TYPE_CHECKING:  # Windows has none, and reads reports all the same
    from multiprocessing.context import ForkServerContext, ForkServerProcess

__all__ = ["Job", "preloads_torch", "start", "warm_up"]

PRELOAD = "darkmagic.sweeps.launch.local.preload"
LIGHT_PRELOAD = "darkmagic.sweeps.launch.local.preload_light"
"""What is imported before the first fork: with torch, or without it."""
_main_lock = threading.Lock()
SECONDS_TO_LEAVE = 30.0
"""That a child has to end in after it has answered; giving back a GPU's memory takes seconds."""
SECONDS_TO_BE_GONE = 0.2
"""In which the system notes that the server has died; `multiprocessing` then starts another."""
SERVER_DIED = 255
"""What `multiprocessing` calls the exit code of a child whose server died before it."""
MARK = "DARKMAGIC_JOB"
"""A variable in the environment of all that one child starts."""


class _Server:
    preload = PRELOAD  # as the first start of the server has it
    more: tuple[str, ...] = ()


class Job:
    """A function that runs in a forked child. `connection` and `sentinel` can be waited for."""

    def __init__(self, process: ForkServerProcess, connection: Connection, mark: str) -> None:
        self.process = process
        self.connection = connection
        self._mark = mark

    @property
    def sentinel(self) -> int:
        """A handle that becomes ready when the child has ended."""
        return self.process.sentinel

    def result(self) -> Any:
        """Wait for the value that the function returns.

        Raises `EOFError` if the child ended without one, as when it was killed.
        """
        return cloudpickle.loads(self.connection.recv_bytes())

    def exit_code(self, *, answered: bool = False) -> int | None:
        """Wait for the child and return its exit code, the negative signal if killed.

        One that has `answered` is done, and is not waited for long: it does not end by itself
        while a thread or a process that it started goes on. Nor does it matter to it that its
        server has died, which alone knows its exit code.
        """
        self.process.join(SECONDS_TO_LEAVE if answered else None)
        if not self.process.is_alive():
            code = self.process.exitcode
            return 0 if answered and code == SERVER_DIED else code
        self.process.kill()
        self.process.join()
        return 0

    def print_stacks(self, seconds: float = 0.5) -> None:
        """Have the child write the stacks of its threads to its stderr, and give it time."""
        if self.process.pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.process.pid, signal.SIGUSR1)
                time.sleep(seconds)

    def stop(self, timeout: float = 5.0) -> None:
        """End the child: terminate it, and kill it if it runs after `timeout` seconds."""
        self.process.terminate()
        self.process.join(timeout)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()
        self.end_group()

    def end_group(self) -> None:
        """Kill what the child started and left behind, if anything still runs.

        Of a child that ended well that is its process group. One that was killed could not end
        what has a group of its own, as a script and its children have.
        """
        if self.process.pid is None:
            return
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)
        for pid in with_variable(MARK, self._mark) if self.process.exitcode else ():
            with contextlib.suppress(ProcessLookupError, PermissionError):
                os.kill(pid, signal.SIGKILL)


def _context() -> ForkServerContext:
    if "forkserver" not in multiprocessing.get_all_start_methods():
        raise UserError(
            "training forks a process for each trial, which this system cannot: on Windows, run "
            "darkmagic in WSL 2 (wsl --install); report and judge work here"
        )
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_Server.preload, *_Server.more])
    return context


def warm_up(modules: Sequence[str] = (), *, torch: bool = True) -> None:
    """Start the server, which imports in the background, and return at once.

    `modules` are imported too, for children that would each do so. Without `torch` it imports
    none, for children that need none. The first start decides. Raises `UserError` where torch is
    needed and not installed.
    """
    if torch:
        check_torch()
    _Server.preload = PRELOAD if torch else LIGHT_PRELOAD
    _Server.more = tuple(dict.fromkeys((*_Server.more, *modules)))
    _context()
    with _without_slurms_signal():
        forkserver.ensure_running()


def preloads_torch() -> bool:
    """Whether children are forked from a process that has torch imported."""
    return _Server.preload == PRELOAD


@contextlib.contextmanager
def _without_slurms_signal() -> Iterator[None]:
    """Have what is started here not die of the signal that Slurm sends before a time limit.

    It goes to every process of a job, and only the one that we were called from knows what to do.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGUSR2, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGUSR2, before)


def start(
    function: Callable[..., Any], *args: Any, env: Mapping[str, str], threads: int | None = None
) -> Job:
    """Run `function(*args)` in a forked child with `env` added to its environment.

    Anything that cloudpickle takes can be sent. `threads` is torch's share of the cores. Beside
    `env` the child has the environment of now: a notebook may set it after the server began.
    """
    payload = cloudpickle.dumps((function, args))
    ours, theirs = multiprocessing.Pipe()
    mark = uuid.uuid4().hex
    inherited = {**os.environ, **env, MARK: mark}
    process = _start((payload, theirs, inherited, threads))
    theirs.close()
    return Job(process, ours, mark)


def _start(args: tuple[Any, ...]) -> ForkServerProcess:
    """Have the server fork a child that runs `run_child(*args)`; one that was killed starts anew.

    The kernel may end it when memory is short, as no process but a trial is larger. Raises
    `UserError` where it ends at each start, as with a broken Python.
    """
    for last in (False, False, True):
        process = _context().Process(target=run_child, args=args, daemon=False)
        try:
            with _nameless_main():
                process.start()
        except (EOFError, ConnectionError):
            if last:
                raise UserError(
                    "the process that trials are forked from ended each time it was started: "
                    "it printed why, or was killed for want of memory"
                ) from None
            time.sleep(SECONDS_TO_BE_GONE)
        else:
            break
    return process


@contextlib.contextmanager
def _nameless_main() -> Iterator[None]:
    """Let `multiprocessing` find no script or module that a child would have to import."""
    with _main_lock:
        main = sys.modules["__main__"]
        sys.modules["__main__"] = ModuleType("__main__")
        try:
            yield
        finally:
            sys.modules["__main__"] = main
