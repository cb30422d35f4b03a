"""Pruner: ends a trial early that cannot be the best, by more than the noise of seeds.

Two runs are compared at the same epoch of as many epochs, and only where their learning rates are
at a like place: neither rises, as in warm-up and where a cycle restarts, and both are at a like
share of their peak. How runs that ended went on from there predicts where this one ends; it is
pruned where even the upper end of that prediction, noise included, is below the best.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from darkmagic.sweeps.tune.objectives import Objective, read_objectives

__all__ = ["Curve", "Pruner", "curve_of_events", "gains_of", "pooled_spread"]

(ACCURACY,) = read_objectives(["accuracy"])
MIN_RUNS, MIN_DF = 6, 4
"""Comparable runs, and degrees of freedom of the spread, without which nothing is pruned."""
FIRST_SHARE = 1 / 3
"""Of training, before which nothing is pruned."""
LIKE_SHARE = 1.5
"""The largest ratio of two rates, each as a share of its peak, that are at a like place."""
P = 0.005
"""How often a run that would have been the best may be pruned, by its prediction."""


@dataclass(frozen=True)
class Curve:
    """The objective of a run so that more is better, in its unit, by epoch of `epochs`, and the
    run's learning rates.
    """

    epochs: int
    gains: Mapping[int, float]
    rates: Mapping[int, float] = field(default_factory=dict)

    def place(self, epoch: int) -> float | None:
        """Return the rate after `epoch` as a share of its peak so far; None while it rises.

        >>> Curve(4, {}, {1: 0.05, 2: 0.1, 3: 0.05}).place(3)
        0.5
        """
        now, before = self.rates.get(epoch), self.rates.get(epoch - 1)
        if now is None or before is None or now > before:
            return None
        peak = max(rate for at, rate in self.rates.items() if at <= epoch)
        return now / peak if peak > 0 else None

    def is_like(self, other: Curve, epoch: int) -> bool:
        """Whether the two can be compared after `epoch`."""
        if self.epochs != other.epochs:
            return False
        one, two = self.place(epoch), other.place(epoch)
        if one is None or two is None:
            return False
        return max(one, two) <= LIKE_SHARE * min(one, two)

    @property
    def final(self) -> float | None:
        """What it comes to after the last epoch; None of a run that has not come so far."""
        return self.gains.get(self.epochs)


def gains_of(values: Mapping[int, float], objective: Objective) -> dict[int, float]:
    """Return the values that are numbers, unscaled by epoch, so that more is better."""
    known = {epoch: objective.scale * value for epoch, value in values.items()}
    return {epoch: objective.gain(value) for epoch, value in known.items() if math.isfinite(value)}


def curve_of_events(events: Iterable[Mapping[str, Any]], objective: Objective) -> Curve | None:
    """Return the curve of a trial's events; None before its first epoch."""
    epochs = [event for event in events if event["type"] == "epoch"]
    if not epochs:
        return None
    known = [event for event in epochs if event.get(objective.curve) is not None]
    return Curve(
        int(epochs[-1]["epochs"]),
        gains_of({int(e["epoch"]): float(e[objective.curve]) for e in known}, objective),
        {int(event["epoch"]): float(event.get("lr") or 0.0) for event in epochs},
    )


def pooled_spread(groups: Iterable[Sequence[float]]) -> tuple[float, int]:
    """Return the standard deviation of repeated runs, each group around its mean, and its degrees
    of freedom.

    >>> pooled_spread([[90.0, 92.0], [80.0, 82.0]])
    (1.4142135623730951, 2)
    """
    squares, df = 0.0, 0
    for group in groups:
        mean = sum(group) / len(group)
        squares += sum((value - mean) ** 2 for value in group)
        df += len(group) - 1
    return (math.sqrt(squares / df) if df else float("nan")), df


class Pruner:
    """Judges a run by `ended`, curves of runs that ended, and by `repeats`: groups of curves of
    one recipe with several seeds each.

    >>> Pruner([], []).df
    0
    """

    def __init__(
        self,
        ended: Sequence[Curve],
        repeats: Sequence[Sequence[Curve]],
        objective: Objective = ACCURACY,
    ) -> None:
        self.objective = objective
        self._ended = list(ended)
        finals = [[c.final for c in group if c.final is not None] for group in repeats]
        self._repeats = [group for group in repeats if len(group) > 1]
        _, self.df = pooled_spread([group for group in finals if len(group) > 1])

    @property
    def can_prune(self) -> bool:
        """Whether the spread of seeds is known well enough."""
        return self.df >= MIN_DF

    def add(self, curve: Curve) -> None:
        """Count a run that has ended among those that others are compared with."""
        self._ended.append(curve)

    def reason(self, curve: Curve) -> str | None:
        """Return why a run that has trained `curve` so far need not go on; None if it is to."""
        epoch = max(curve.gains, default=0)
        if not self.can_prune or not FIRST_SHARE * curve.epochs <= epoch < curve.epochs:
            return None
        like = [c for c in self._ended if c.final is not None and c.is_like(curve, epoch)]
        pairs = [(c.gains[epoch], float(c.final or 0)) for c in like if epoch in c.gains]
        if len(pairs) < MIN_RUNS:
            return None
        spread, df = pooled_spread(
            [values for g in self._repeats if len(values := _at(g, epoch)) > 1]
        )
        if df < MIN_DF:
            return None
        here, best = curve.gains[epoch], max(final for _, final in pairs)
        most = _upper_end(pairs, here, spread, df)
        if most >= best:
            return None
        now, end, seen = (self._shown(gain) for gain in (here, most, best))
        bound = "at most" if self.objective.maximize else "at least"
        return (
            f"{now} after epoch {epoch} of {curve.epochs}: by {len(pairs)} comparable runs "
            f"it ends at {end} {bound}, and {seen} was seen"
        )

    def _shown(self, gain: float) -> str:
        value = self.objective.gain(gain)
        number = f"{value:.2f}" if self.objective.unit == "%" else f"{value:.4g}"
        return f"{number} {self.objective.unit}".strip()


def _at(group: Sequence[Curve], epoch: int) -> list[float]:
    return [curve.gains[epoch] for curve in group if epoch in curve.gains]


def _upper_end(pairs: Sequence[tuple[float, float]], here: float, spread: float, df: int) -> float:
    """Return the upper end of the final gain of a run that is at `here` now.

    By a line through what others had there and at their end. Its error is no less than the noise
    of seeds at both.
    """
    import numpy as np
    from scipy.special import stdtrit

    x, y = np.array(pairs).T
    centred = x - x.mean()
    squares = float(centred @ centred)
    slope = max(0.0, float(centred @ y) / squares) if squares > 0 else 0.0
    predicted = float(y.mean()) + slope * (here - float(x.mean()))
    left = y - y.mean() - slope * centred
    free = len(pairs) - 2
    variance = float(left @ left) / free
    reach = 1 + 1 / len(pairs) + ((here - float(x.mean())) ** 2 / squares if squares > 0 else 0.0)
    noise = spread**2 * (1 + slope**2)
    errors = (
        -float(stdtrit(free, P)) * math.sqrt(variance * reach),
        -float(stdtrit(df, P)) * math.sqrt(noise),
    )
    return predicted + max(errors)
