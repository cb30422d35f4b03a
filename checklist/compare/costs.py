"""A trial's costs, and the metrics that do not decide, beside the baseline's."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from darkmagic.checklist.metric import Metric
from darkmagic.checklist.records import Status, TrialRecord

__all__ = ["COSTS", "TITLES", "Change", "Ratio", "cost_ratios", "other_changes"]

COSTS = {
    "time": "step_seconds",
    "wall": "wall_seconds",
    "memory": "peak_memory_bytes",
    "parameters": "parameters",
    "flops": "flops",
}
"""From a ratio's name to the field of `Costs` that it compares."""
TITLES = {
    "time": "time a step",
    "wall": "total time",
    "memory": "memory",
    "parameters": "parameters",
    "flops": "FLOPs",
}
"""From a ratio's name to what a reader calls it."""


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
    return Ratio(statistics.fmean(own.values()) / level, _spread(paired))


def _spread(paired: Sequence[float]) -> float | None:
    return statistics.stdev(paired) if len(paired) > 1 else None


@dataclass(frozen=True)
class Change:
    """A mean difference from the baseline in a metric's unit; `spread` as of a `Ratio`."""

    value: float
    spread: float | None = None


def other_changes(
    records: Sequence[TrialRecord], baseline: Sequence[TrialRecord]
) -> dict[Metric, Change]:
    """Return how each metric that does not decide differs, over the seeds of both.

    Nothing for runs that mix options: what differs between them is not one option's.
    """
    finished = [r for r in records if r.status is Status.FINISHED and not r.choices]
    base = {record.seed: record.others for record in baseline}
    found = {}
    for metric in dict.fromkeys(metric for record in finished for metric in record.others):
        paired = [
            metric.scale * (record.others[metric] - base[record.seed][metric])
            for record in finished
            if metric in record.others and metric in base.get(record.seed, {})
        ]
        if paired:
            found[metric] = Change(statistics.fmean(paired), _spread(paired))
    return found
