"""How many trials to train at once on a device, from what was measured: no device is needed."""

from __future__ import annotations

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
    "numbers_to_try",
    "pays",
]

PLAIN, MPS = "plain processes", "MPS"
MIN_GAIN = 1.1  # times the rate, which twice the trials are to bring, or the search ends
MIN_SHARE_OF_BEST = 0.95  # of the highest rate; fewer trials that reach it are taken
MAX_MEMORY_SHARE = 0.9  # of the free memory; other trials of a checklist need other amounts
CONTEXT_BYTES = 600 * 2**20  # bytes of a process's CUDA context and libraries, on a recent GPU
MIN_SERIAL_SECONDS = 60  # of serial training; calibrating takes 15, and halved it at best


@dataclass(frozen=True)
class Measured:
    """`trials` trained at once in the way `way`: their steps a second, summed.

    `seconds` is how long it took to start them, warm them up and measure.
    """

    way: str
    trials: int
    rate: float
    seconds: float = 0.0


@dataclass(frozen=True)
class Packing:
    """What was chosen, how many times as fast as one trial it is, and the ground for it."""

    way: str
    trials: int
    times: float
    measured: tuple[Measured, ...] = ()
    stopped: str = ""  # why no more trials were tried

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


def choose(measured: Sequence[Measured], stopped: str = "", trials: int = 0) -> Packing:
    """Return the packing that ends `trials` first, or one of fewer at once that is close to it.

    Nine trials, eight at once, are eight and then one with the device to itself, which may take
    longer than nine at once; 0 stands for so many that the last ones do not count. Among as many
    at once plain processes come first. `measured` begins with one trial alone.

    >>> rates = [Measured(PLAIN, 1, 100), Measured(MPS, 8, 240), Measured(MPS, 9, 245)]
    >>> choose(rates, trials=9).trials, choose(rates, trials=800).trials
    (9, 8)
    """
    alone = measured[0]
    seconds = {each: _seconds(each, measured, trials) for each in measured}
    enough = min(seconds.values()) / MIN_SHARE_OF_BEST
    best = min(
        (each for each in measured if seconds[each] <= enough),
        key=lambda each: (each.trials, each.way != PLAIN),
    )
    return Packing(best.way, best.trials, best.rate / alone.rate, tuple(measured), stopped)


def _seconds(each: Measured, measured: Sequence[Measured], trials: int) -> float:
    """Return how long a step of each of `trials` takes, as many at once as `each` says."""
    if trials == 0:
        return 1 / each.rate
    full, rest = divmod(trials, each.trials)
    fewer = [other.rate for other in measured if other.trials <= rest]
    return full * each.trials / each.rate + (rest / max(fewer) if rest else 0.0)


def numbers_to_try(limit: int) -> list[int]:
    """Return how many trials at once to try beyond one: doubled up to `limit`, and `limit`.

    >>> numbers_to_try(9)
    [2, 4, 8, 9]
    """
    doubled = [2**power for power in range(1, limit.bit_length()) if 2**power < limit]
    return [*doubled, limit] if limit > 1 else []


def how_many_fit(free: int, each: int) -> int:
    """Return how many trials of `each` bytes, contexts left out, fit in `free` bytes; 1 or more."""
    return max(1, int(MAX_MEMORY_SHARE * free / (each + CONTEXT_BYTES)))


def pays(before: Measured, after: Measured) -> bool:
    """Whether the step from `before` to `after`, of more trials, was worth taking."""
    return after.rate >= MIN_GAIN * before.rate


def is_worth(trials: int, steps: int, rate: float) -> bool:
    """Whether `trials` of `steps` each, at `rate` steps a second, are long enough to calibrate."""
    return trials > 1 and trials * steps / rate >= MIN_SERIAL_SECONDS
