"""A trial's costs relative to the baseline's."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darkmagic.checklist.records import Status, TrialRecord

__all__ = ["COSTS", "Ratio", "cost_ratios"]

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
