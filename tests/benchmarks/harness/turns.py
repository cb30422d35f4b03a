"""Sides of a comparison measured in turn, so that a noisy machine is noisy for all of them."""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

__all__ = ["Measured", "ratio", "take_turns"]


@dataclass(frozen=True)
class Measured:
    """The samples of one figure, in the order they were taken."""

    samples: tuple[float, ...]

    @property
    def median(self) -> float:
        """The figure to quote."""
        return statistics.median(self.samples)

    @property
    def spread(self) -> tuple[float, float]:
        """The lowest and the highest sample."""
        return min(self.samples), max(self.samples)


def take_turns(
    sides: Mapping[str, Callable[[], float]], *, repeats: int = 5, warm_up: int = 1
) -> dict[str, Measured]:
    """Call every side once a turn, `warm_up` turns uncounted; return what each measured.

    Each is printed to stderr as it is measured, for a run that is cut off.
    Every other turn goes through the sides backwards, so that none always follows the same one.
    """
    samples: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(warm_up + repeats):
        order: Sequence[str] = list(sides) if turn % 2 == 0 else list(sides)[::-1]
        for name in order:
            value = sides[name]()
            print(f"turn {turn + 1}, {name}: {value:.5g}", file=sys.stderr, flush=True)
            if turn >= warm_up:
                samples[name].append(value)
    return {name: Measured(tuple(values)) for name, values in samples.items()}


def ratio(ours: Measured, theirs: Measured) -> Measured:
    """Return ours over theirs, turn by turn: what drifts with the machine cancels."""
    return Measured(tuple(a / b for a, b in zip(ours.samples, theirs.samples, strict=True)))
