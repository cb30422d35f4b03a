"""A trial's costs relative to the baseline's, and the rows on the Pareto front."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from darkmagic.checklist.records import Status, TrialRecord

__all__ = ["COSTS", "Ratio", "cost_ratios", "pareto_front"]

COSTS = {
    "time": "step_seconds",
    "wall": "wall_seconds",
    "memory": "peak_memory_bytes",
    "parameters": "parameters",
    "flops": "flops",
}
"""From a ratio's name to the field of `Costs` that it compares."""


@dataclass(frozen=True)
class Ratio:
    """A mean cost over the baseline's; `spread` is the standard deviation over paired seeds."""

    value: float
    spread: float | None = None


def cost_ratios(
    records: Sequence[TrialRecord], baseline: Sequence[TrialRecord]
) -> dict[str, Ratio | None]:
    """Return the ratio of every cost to the baseline's; None where it was not measured."""
    return {name: _ratio(_costs(records, f), _costs(baseline, f)) for name, f in COSTS.items()}


def _costs(records: Sequence[TrialRecord], name: str) -> dict[int, float]:
    finished = [record for record in records if record.status is Status.FINISHED]
    known = ((record.seed, getattr(record.costs, name)) for record in finished)
    return {seed: value for seed, value in known if value is not None}


def _ratio(own: Mapping[int, float], base: Mapping[int, float]) -> Ratio | None:
    if not own or not base or not (level := statistics.fmean(base.values())):
        return None
    paired = [own[seed] / base[seed] for seed in own if base.get(seed)]
    spread = statistics.stdev(paired) if len(paired) > 1 else None
    return Ratio(statistics.fmean(own.values()) / level, spread)


def pareto_front(points: Mapping[str, tuple[float, float]]) -> set[str]:
    """Return the names that no other beats on both, of name -> (gain, cost).

    One is beaten by another that gains at least as much, costs no more, and is better in
    one of both.
    """
    found: set[str] = set()
    cheapest = float("inf")  # of those that gain more
    by_gain = sorted(points.items(), key=lambda point: -point[1][0])
    for _, equals in groupby(by_gain, key=lambda point: point[1][0]):
        costs = {name: cost for name, (_, cost) in equals}
        least = min(costs.values())
        if least < cheapest:
            found |= {name for name, cost in costs.items() if cost == least}
            cheapest = least
    return found
