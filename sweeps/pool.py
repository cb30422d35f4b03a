"""Runs jobs on leased devices: the next starts the moment one ends, with no barrier."""

from __future__ import annotations

import signal
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from multiprocessing.connection import wait
from typing import Any

from darkmagic.sweeps import forkserver
from darkmagic.sweeps.devices import Lease

__all__ = ["Call", "Ended", "run_calls"]


@dataclass(frozen=True)
class Call:
    """A function of the child's and its arguments."""

    function: Callable[..., Any]
    args: tuple[Any, ...]


@dataclass(frozen=True)
class Ended:
    """What became of a call: a value, or the words for why there is none."""

    value: Any
    error: str | None
    exit_code: int | None


def run_calls(
    calls: Sequence[Call],
    leases: Sequence[Lease],
    *,
    on_start: Callable[[int], None],
    on_end: Callable[[int, Ended], None],
) -> list[Ended]:
    """Run `calls`, as many at once as there are `leases`; return what became of each.

    A child that dies takes no other down. When this is interrupted (Ctrl-C), the children
    are ended before the exception goes on.
    """
    waiting = deque(enumerate(calls))
    free = deque(leases)
    running: dict[int, tuple[forkserver.Job, Lease]] = {}
    ended: dict[int, Ended] = {}
    try:
        while waiting or running:
            while waiting and free:
                index, call = waiting.popleft()
                lease = free.popleft()
                job = forkserver.start(
                    call.function, *call.args, env=lease.env, threads=lease.threads
                )
                running[index] = (job, lease)
                on_start(index)
            ready = wait([job.connection for job, _ in running.values()])
            for index, (job, lease) in list(running.items()):
                if job.connection in ready:
                    ended[index] = _collect(job)
                    del running[index]
                    free.append(lease)
                    on_end(index, ended[index])
    finally:
        for job, _ in running.values():
            job.process.terminate()
        for job, _ in running.values():
            job.stop()
    return [ended[index] for index in range(len(calls))]


def _collect(job: forkserver.Job) -> Ended:
    """Read a child's answer; the pipe is at its end when the child died without one."""
    try:
        value, error = job.result(), None
    except EOFError:
        value, error = None, "it ended without a result"
    code = job.exit_code()
    job.connection.close()
    if error is None and code == 0:
        return Ended(value, None, code)
    return Ended(value, _why(code), code)


def _why(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return f"the process was ended by {name}{hint}"
    return f"the process exited with code {code}"
