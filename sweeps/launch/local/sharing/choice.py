"""How many trials to train at once on a device, from what was measured: no device is needed."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

__all__ = [
    "MPS",
    "PLAIN",
    "Measured",
    "Packing",
    "choose",
    "how_many_fit",
    "is_worth",
    "next_to_try",
]

PLAIN, MPS = "plain processes", "MPS"
TIMES_AS_MANY = 4  # trials at once in each attempt; an attempt takes about five seconds
MIN_GAIN = 1.1  # times the rate, which more trials are to bring, or the search ends
MIN_SHARE_OF_BEST = 0.95  # of the highest rate; fewer trials that reach it are taken
MAX_MEMORY_SHARE = 0.9  # of the free memory; other trials of a checklist need other amounts
CONTEXT_BYTES = 600 * 2**20  # bytes of a process's CUDA context and libraries, on a recent GPU
MIN_SERIAL_SECONDS = 60  # of serial training; calibrating takes about 20, and halved it at best


@dataclass(frozen=True)
class Measured:
    """`trials` trained at once in the way `way`: their steps a second, summed.

    `start_seconds` is how long it took until all of them were warm.
    """

    way: str
    trials: int
    rate: float
    start_seconds: float = 0.0


@dataclass(frozen=True)
class Packing:
    """What was chosen, how many times as fast as one trial it is, and the ground for it."""

    way: str
    trials: int
    times: float
    measured: tuple[Measured, ...] = ()
    stopped: str = ""  # why no more trials were tried
    steps: int = 1  # of a trial of those that were measured

    def __str__(self) -> str:
        if self.trials == 1:
            text = "1 trial at a time on a GPU"
        else:
            under = " under MPS" if self.way == MPS else ""
            text = f"{self.trials} trials at once{under}: {self.times:.1f} times one"
        return f"{text} ({self.stopped})" if self.stopped else text

    def as_dict(self) -> dict[str, Any]:
        """Return the fields by name."""
        return asdict(self)

    @classmethod
    def from_dict(cls, content: dict[str, Any]) -> Packing:
        """Return the packing that `as_dict` was of. Raises `ValueError` if it was of none."""
        measured = tuple(Measured(**each) for each in content["measured"])
        if not isinstance(content["trials"], int) or content["trials"] < 1:
            raise ValueError(f"trials={content['trials']!r}")
        content = {**content, "times": float(content["times"])}
        return cls(**{**content, "measured": measured})


def choose(
    measured: Sequence[Measured], stopped: str = "", trials: int = 0, steps: int = 1
) -> Packing:
    """Return the packing that ends `trials` first, or one of fewer at once that is close to it.

    Nine trials, eight at once, are eight and then one with the device to itself, which may take
    longer than nine at once. A trial has `steps`: the fewer, the more its start counts. 0 trials
    stands for so many, and so long, that neither does. Among as many at once plain processes come
    first. `measured` begins with one trial alone.

    >>> rates = [Measured(PLAIN, 1, 100), Measured(MPS, 8, 240, 5), Measured(MPS, 9, 245, 6)]
    >>> [choose(rates, trials=trials, steps=1000).trials for trials in (9, 800)]
    [9, 8]
    """
    alone = measured[0]
    seconds = {each: _seconds(each, measured, trials, steps) for each in measured}
    enough = min(seconds.values()) / MIN_SHARE_OF_BEST
    best = min(
        (each for each in measured if seconds[each] <= enough),
        key=lambda each: (each.trials, each.way != PLAIN),
    )
    return Packing(best.way, best.trials, best.rate / alone.rate, tuple(measured), stopped, steps)


def _seconds(each: Measured, measured: Sequence[Measured], trials: int, steps: int) -> float:
    """Return how long `trials` of `steps` take, as many at once as `each` says."""
    if trials == 0:
        return 1 / each.rate
    full, rest = divmod(trials, each.trials)
    seconds = full * (each.start_seconds + each.trials * steps / each.rate)
    if rest:
        rate = max(other.rate for other in measured if other.trials <= rest)
        seconds += each.start_seconds + rest * steps / rate
    return seconds


def next_to_try(measured: Sequence[Measured], limit: int, failed: int | None = None) -> int | None:
    """Return how many trials at once to measure next, or None where the search ends.

    Four times as many as before, up to `limit`, as long as that pays. Where they were slower, or
    `failed`, the fewest that could not be measured, ends it, the middle is tried, once.

    >>> alone, four = Measured(MPS, 1, 100), Measured(MPS, 4, 250)
    >>> next_to_try([alone], 16), next_to_try([alone, four], 16), next_to_try([alone, four], 9)
    (4, 16, 9)
    >>> next_to_try([alone, four], 16, failed=16)
    8
    >>> next_to_try([alone, four, Measured(MPS, 16, 200)], 16)
    8
    """
    last = measured[-1]
    if failed is not None:
        return _middle(last.trials, failed)
    if len(measured) > 1:
        before = measured[-2]
        if last.rate < before.rate:
            return _middle(before.trials, last.trials)
        if last.rate < MIN_GAIN * before.rate or last.trials < before.trials:
            return None
    return min(limit, TIMES_AS_MANY * last.trials) if last.trials < limit else None


def _middle(low: int, high: int) -> int | None:
    """Return a number half-way, as far as rates go, where the two are a whole attempt apart."""
    return math.isqrt(low * high) if high >= TIMES_AS_MANY * low else None


def how_many_fit(free: int, each: int) -> int:
    """Return how many trials of `each` bytes, contexts left out, fit in `free` bytes; 1 or more."""
    return max(1, int(MAX_MEMORY_SHARE * free / (each + CONTEXT_BYTES)))


def is_worth(trials: int, steps: int, rate: float) -> bool:
    """Whether `trials` of `steps` each, at `rate` steps a second, are long enough to calibrate."""
    return trials > 1 and trials * steps / rate >= MIN_SERIAL_SECONDS
