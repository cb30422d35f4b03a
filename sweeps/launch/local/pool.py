"""Pool of jobs on leased devices: the next starts the moment one ends, with no barrier."""

from __future__ import annotations

import signal
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import wait
from typing import Any

from darkmagic.sweeps.launch.devices import Lease
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.trial.retry import RETRY_REASON

__all__ = ["Call", "Ended", "run_calls"]


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
class _Running:
    """A call under way, and the leases it holds: one, or all of a device to be alone on it."""

    job: fork_server.Job
    leases: tuple[Lease, ...]
    began: float


def _never(_: Ended) -> None:
    """Retry no call."""


def run_calls(
    calls: Sequence[Call],
    leases: Sequence[Lease],
    *,
    on_start: Callable[[int], None],
    on_end: Callable[[int, Ended], None],
    retry_reason: Callable[[Ended], str | None] = _never,
) -> list[Ended]:
    """Run `calls`, as many at once as there are `leases`; return how each ended.

    A child that dies takes no other down. A call that ended beside others, and for which
    `retry_reason` returns a reason (such as too little memory for all), is made again when all
    others are done, alone on its device; `on_end` is called after that. When this is interrupted
    (Ctrl-C), the children are ended before the exception propagates.
    """
    waiting = deque(enumerate(calls))
    retries: deque[tuple[int, str]] = deque()
    free = deque(leases)
    slots = Counter(lease.device for lease in leases)
    running: dict[int, _Running] = {}
    ended: dict[int, Ended] = {}
    try:
        while waiting or running or retries:
            while waiting and free:
                index, call = waiting.popleft()
                running[index] = _start(call, (free.popleft(),))
                on_start(index)
            while not waiting and retries and (exclusive := _whole_device(free, slots)):
                index, reason = retries.popleft()
                running[index] = _start(calls[index], exclusive, reason)
                free = deque(lease for lease in free if lease.device != exclusive[0].device)
            ready = wait([each.job.connection for each in running.values()])
            for index, each in list(running.items()):
                if each.job.connection not in ready:
                    continue
                end = _collect(each.job)
                del running[index]
                free.extend(each.leases)
                device = each.leases[0].device
                cause = retry_reason(end) if len(each.leases) < slots[device] else None
                if cause is not None:
                    seconds = time.monotonic() - each.began
                    beside = f"beside up to {slots[device] - 1} others"
                    retries.append((index, f"{cause} {beside}, which cost {seconds:.0f} s"))
                    continue
                ended[index] = end
                on_end(index, end)
    finally:
        for each in running.values():
            each.job.process.terminate()
        for each in running.values():
            each.job.stop()
    return [ended[index] for index in range(len(calls))]


def _start(call: Call, leases: tuple[Lease, ...], retried: str = "") -> _Running:
    lease = leases[0]
    if retried:
        lease = replace(lease, extra={**lease.extra, RETRY_REASON: retried})
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
