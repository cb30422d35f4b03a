"""An axis: from values to percent of a picture's width or height, and its ticks."""

from __future__ import annotations

import math
from dataclasses import dataclass

__all__ = ["Axis", "Tick", "round_ticks"]

STEPS = (1.0, 2.0, 2.5, 5.0, 10.0)


@dataclass(frozen=True)
class Tick:
    """A labelled position in percent."""

    at: float
    label: str


@dataclass(frozen=True)
class Axis:
    """Values from `low` to `high`, on a scale of powers of ten if `log`.

    >>> axis = Axis(-2.0, 2.0)
    >>> axis.at(0.0), axis.at(9.0), [tick.label for tick in axis.ticks(signed=True)]
    (50.0, 100.0, ['-2', '-1', '0', '+1', '+2'])
    """

    low: float
    high: float
    log: bool = False

    def at(self, value: float) -> float:
        """Return where `value` is, in percent from `low`; values beyond an end are at the end."""
        low, high = self._scale(self.low), self._scale(self.high)
        share = (self._scale(value) - low) / ((high - low) or 1.0)
        return round(100 * min(1.0, max(0.0, share)), 2)

    def _scale(self, value: float) -> float:
        return math.log10(max(value, 1e-300)) if self.log else value

    def ticks(self, most: int = 5, *, signed: bool = False) -> list[Tick]:
        """Return at most `most` ticks or so, at round values."""
        if self.log:
            values = [10.0**e for e in range(_floor_log(self.low), _floor_log(self.high) + 1)]
            values = [v for v in values if self.low <= v <= self.high] or [self.low, self.high]
            values = values[:: math.ceil(len(values) / most)]
        else:
            values = round_ticks(self.low, self.high, most)
        return [Tick(self.at(v), f"{v:+.6g}" if signed and v else f"{v:.6g}") for v in values]


def round_ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Return the multiples of a round step within an interval, at most `most`.

    >>> round_ticks(88.3, 92.1), round_ticks(0.0, 0.0)
    ([89.0, 90.0, 91.0, 92.0], [0.0])
    """
    if not high > low:
        return [low]
    power = 10.0 ** _floor_log((high - low) / most)
    step = next(
        s * power for s in STEPS if (high - low) / (s * power) <= most - 1 or s == STEPS[-1]
    )
    first, last = math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9)
    return [float(f"{k * step:.12g}") for k in range(first, last + 1)]


def _floor_log(value: float) -> int:
    return math.floor(math.log10(value)) if value > 0 else 0
