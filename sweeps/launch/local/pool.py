"""Pool of jobs on leased devices: the next starts the moment one ends, with no barrier."""

from __future__ import annotations

import math
import statistics
import time
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from multiprocessing.connection import wait

from darkmagic.sweeps.launch.devices import Lease
from darkmagic.sweeps.launch.local import fork_server
from darkmagic.sweeps.launch.local.calls import Call, Ended, Retry, collect
from darkmagic.sweeps.trial.retry import RETRY_REASON

__all__ = ["run_calls"]

WATCH_SECONDS = 1.0
"""Between two looks at calls that may have stalled."""


@dataclass(frozen=True)
class _Running:
    """A call under way, and the leases it holds: one, or all of a device to be alone on it."""

    job: fork_server.Job
    leases: tuple[Lease, ...]
    began: float


def run_calls(
    calls: Sequence[Call],
    leases: Sequence[Lease],
    *,
    on_start: Callable[[int], None],
    on_end: Callable[[int, Ended], None],
    retry: Callable[[Ended], Retry | None] = lambda _: None,
    retries: int = 1,
    stalled: Callable[[int, float], str | None] | None = None,
    is_last: Callable[[Ended], bool] = lambda _: False,
    unneeded: Callable[[int], str | None] | None = None,
    more: Callable[[], Call | None] = lambda: None,
) -> list[Ended]:
    """Run `calls`, as many at once as there are `leases`; return how each ended.

    A child that dies takes no other down. A call for which `retry` returns one is made again, up to
    `retries` times, and `on_end` is called after the last: alone on its device when all others are
    done, or next. A call for which `stalled`, of its place and the unix time when it began, returns
    a reason is ended, and its child's stacks go to its stderr; so is one for which `unneeded`
    returns one, without them. When one has ended for which `is_last` is true, all others are ended
    too. `more` is asked for another call where a lease is free and no call waits; None if there is
    none now. When this is interrupted (Ctrl-C), the children are ended before the exception
    propagates.
    """
    pool = _Pool(calls, leases)
    try:
        while True:
            while pool.has_room and (call := more()) is not None:
                pool.add(call)
                for index in pool.start():
                    on_start(index)
            if not pool.has_work:
                return pool.results()
            for index in pool.start():
                on_start(index)
            for index, end, running in pool.collect(stalled, unneeded):
                if pool.again[index] < retries and pool.requeue(index, retry(end), running):
                    continue
                told = f"{end.error}, also when trained again" if pool.again[index] else end.error
                end = end if end.error is None else replace(end, error=told)  # noqa: PLW2901
                pool.ended[index] = end
                on_end(index, end)
                if is_last(end):
                    return pool.results()
    finally:
        pool.stop()


class _Pool:
    """The calls that wait, run and have ended, and the leases that are free."""

    def __init__(self, calls: Sequence[Call], leases: Sequence[Lease]) -> None:
        self._calls = list(calls)
        self._waiting = deque(range(len(calls)))
        self._alone: deque[int] = deque()
        self._env: dict[int, Mapping[str, str]] = {}  # of calls that are made again
        self.again: Counter[int] = Counter()  # how often each was made again
        self._free = deque(leases)
        self._slots = Counter(lease.device for lease in leases)
        self._running: dict[int, _Running] = {}
        self._seconds: list[float] = []  # that each call took that has ended
        self.ended: dict[int, Ended] = {}

    @property
    def has_work(self) -> bool:
        return bool(self._waiting or self._running or self._alone)

    @property
    def has_room(self) -> bool:
        return bool(self._free) and not self._waiting and not self._alone

    def add(self, call: Call) -> None:
        """Add a call, which waits for a lease."""
        self._waiting.append(len(self._calls))
        self._calls.append(call)

    def start(self) -> Iterator[int]:
        """Start what there are leases for; yield each call when it starts for the first time."""
        while self._waiting and self._free:
            index = self._waiting.popleft()
            self._start(index, (self._free.popleft(),))
            if not self.again[index]:
                yield index
        while not self._waiting and self._alone and (exclusive := self._whole_device()):
            self._free = deque(each for each in self._free if each.device != exclusive[0].device)
            self._start(self._alone.popleft(), exclusive)

    def _start(self, index: int, leases: tuple[Lease, ...]) -> None:
        lease, call = leases[0], self._calls[index]
        env = {**lease.env_among(self._sharing(leases)), **self._env.get(index, {})}
        job = fork_server.start(call.function, *call.args, env=env, threads=lease.threads)
        self._running[index] = _Running(job, leases, time.time())

    def _sharing(self, leases: tuple[Lease, ...]) -> int:
        """Return how many calls will share the device for most of the time of one that starts.

        They are those that wait, and those that have run for less than half the usual time.
        """
        if len(leases) > 1:
            return 1  # it has the device to itself
        usual = statistics.median(self._seconds) if self._seconds else math.inf
        young = sum(
            time.time() - each.began < usual / 2
            for each in self._running.values()
            if each.leases[0].device == leases[0].device
        )
        return min(self._slots[leases[0].device], young + len(self._waiting) + 1)

    def _whole_device(self) -> tuple[Lease, ...]:
        """Return all leases of a device that nothing runs on; empty if every device is in use."""
        for device, count in self._slots.items():
            own = tuple(lease for lease in self._free if lease.device == device)
            if len(own) == count:
                return own
        return ()

    def collect(
        self,
        stalled: Callable[[int, float], str | None] | None,
        unneeded: Callable[[int], str | None] | None,
    ) -> Iterator[tuple[int, Ended, _Running]]:
        """Wait until a call ends, or for a second if they are watched; yield those that ended."""
        connections = [each.job.connection for each in self._running.values()]
        ready = wait(connections, None if stalled is None else WATCH_SECONDS)
        for index, each in list(self._running.items()):
            if each.job.connection in ready:
                end = collect(each.job)
            elif stalled is not None and (reason := stalled(index, each.began)):
                each.job.print_stacks()
                each.job.stop()
                end = Ended(None, reason, each.job.exit_code(), stalled=True)
            elif unneeded is not None and (reason := unneeded(index)):
                each.job.stop()
                end = Ended(None, reason, each.job.exit_code(), unneeded=True)
            else:
                continue
            del self._running[index]
            self._seconds.append(time.time() - each.began)
            self._free.extend(each.leases)
            yield index, end, each

    def requeue(self, index: int, cause: Retry | None, ran: _Running) -> bool:
        """Return whether the call that `ran` is to be made again, and have it wait."""
        neighbours = self._slots[ran.leases[0].device] - len(ran.leases)
        if cause is None or (cause.blames_neighbours and not neighbours):
            return False
        how = "trained again, alone" if cause.alone else "trained again"
        beside = f" beside up to {neighbours} others" if cause.blames_neighbours else ""
        cost = f"which cost {time.time() - ran.began:.0f} s"
        self._env[index] = {**cause.env, RETRY_REASON: f"{how}: {cause.reason}{beside}, {cost}"}
        self.again[index] += 1
        if cause.alone:
            self._alone.append(index)
        else:
            self._waiting.appendleft(index)
        return True

    def stop(self) -> None:
        """End the children that run."""
        for each in self._running.values():
            each.job.process.terminate()
        for each in self._running.values():
            each.job.stop()

    def results(self) -> list[Ended]:
        """Return how each call ended, those that were not made or were ended among them."""
        not_made = Ended(None, "it was not run: an earlier one failed", None)
        return [self.ended.get(index, not_made) for index in range(len(self._calls))]
