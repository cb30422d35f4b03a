"""Pool of jobs on leased devices: the next starts the moment one ends, with no barrier."""

from __future__ import annotations

import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from typing import Any

from darkmagic.sweeps.launch.devices import Lease
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.trial.retry import RETRY_REASON

__all__ = ["Call", "Ended", "Retry", "run_calls"]


@dataclass(frozen=True)
class Call:
    """A function of the child's and its arguments."""

    function: Callable[..., Any]
    args: tuple[Any, ...]


@dataclass(frozen=True)
class Ended:
    """How a call ended: with a value, or with the error message."""

    value: Any
    error: str | None
    exit_code: int | None


@dataclass(frozen=True)
class Retry:
    """Why a call is made again, with `env` added to its environment.

    `alone` on its device, after all others, or at once where neighbours are not the cause.
    """

    reason: str
    alone: bool = True
    env: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class _Running:
    """A call under way, and the leases it holds: one, or all of a device to be alone on it."""

    job: fork_server.Job
    leases: tuple[Lease, ...]
    began: float


def _never(_: Ended) -> Retry | None:
    """Retry no call."""


def run_calls(
    calls: Sequence[Call],
    leases: Sequence[Lease],
    *,
    on_start: Callable[[int], None],
    on_end: Callable[[int, Ended], None],
    retry: Callable[[Ended], Retry | None] = _never,
) -> list[Ended]:
    """Run `calls`, as many at once as there are `leases`; return how each ended.

    A child that dies takes no other down. A call for which `retry` returns one is made again, once,
    and `on_end` is called after that: alone on its device when all others are done, if it ended
    beside others and they may be the cause (too little memory for all), or else next. When this is
    interrupted (Ctrl-C), the children are ended before the exception propagates.
    """
    waiting = deque(range(len(calls)))
    alone: deque[int] = deque()
    again: dict[int, Mapping[str, str]] = {}  # the environment of each call that is made again
    free = deque(leases)
    slots = Counter(lease.device for lease in leases)
    running: dict[int, _Running] = {}
    ended: dict[int, Ended] = {}
    try:
        while waiting or running or alone:
            while waiting and free:
                index = waiting.popleft()
                running[index] = _start(calls[index], (free.popleft(),), again.get(index, {}))
                if index not in again:
                    on_start(index)
            while not waiting and alone and (exclusive := _whole_device(free, slots)):
                index = alone.pop()  # first in, first out
                running[index] = _start(calls[index], exclusive, again[index])
                free = deque(lease for lease in free if lease.device != exclusive[0].device)
            ready = wait([each.job.connection for each in running.values()])
            for index, each in list(running.items()):
                if each.job.connection not in ready:
                    continue
                end = _collect(each.job)
                del running[index]
                free.extend(each.leases)
                neighbours = slots[each.leases[0].device] - len(each.leases)
                cause = None if index in again else retry(end)
                if cause is not None and (neighbours or not cause.alone):
                    again[index] = _retry_env(cause, neighbours, each.began)
                    (alone if cause.alone else waiting).appendleft(index)
                    continue
                ended[index] = end
                on_end(index, end)
    finally:
        for each in running.values():
            each.job.process.terminate()
        for each in running.values():
            each.job.stop()
    return [ended[index] for index in range(len(calls))]


def _retry_env(cause: Retry, neighbours: int, began: float) -> Mapping[str, str]:
    """Return what a call that is made again is told: why, and what that cost."""
    beside = f", alone: {cause.reason} beside up to {neighbours} others"
    why = beside if cause.alone else f": {cause.reason}"
    cost = f"which cost {time.monotonic() - began:.0f} s"
    return {**cause.env, RETRY_REASON: f"trained again{why}, {cost}"}


def _start(call: Call, leases: tuple[Lease, ...], env: Mapping[str, str]) -> _Running:
    lease = replace(leases[0], extra={**leases[0].extra, **env})
    job = fork_server.start(call.function, *call.args, env=lease.env, threads=lease.threads)
    return _Running(job, leases, time.monotonic())


def _whole_device(free: Sequence[Lease], slots: Counter[str]) -> tuple[Lease, ...]:
    """Return all leases of a device that nothing runs on; empty if every device is in use."""
    for device, count in slots.items():
        own = tuple(lease for lease in free if lease.device == device)
        if len(own) == count:
            return own
    return ()


def _collect(job: fork_server.Job) -> Ended:
    """Read a child's answer; the pipe is at its end if the child died without one."""
    try:
        value, error = job.result(), None
    except EOFError:
        value, error = None, "it ended without a result"
    code = job.exit_code()
    job.connection.close()
    if error is None and code == 0:
        return Ended(value, None, code)
    return Ended(value, _describe_exit(code), code)


def _describe_exit(code: int | None) -> str:
    if code is not None and code < 0:
        name = signal.Signals(-code).name
        hint = " (out of memory?)" if name == "SIGKILL" else ""
        return f"the process was ended by {name}{hint}"
    return f"the process exited with code {code}"
