"""Objectives of a study: what of a trial's result is to be large, or small."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from darkmagic.checklist.errors import UserError, nearest
from darkmagic.checklist.metric import Direction
from darkmagic.sweeps.track.rules import METRICS
from darkmagic.trainers.metrics.names import OURS

__all__ = ["COSTS", "Objective", "read_objectives"]


@dataclass(frozen=True)
class Objective:
    """A `field` of `result.json`, to be maximised or minimised; `scale` makes it its `unit`."""

    name: str
    field: str
    unit: str
    maximize: bool = False
    scale: float = 1.0

    @property
    def direction(self) -> Literal["maximize", "minimize"]:
        """Optuna's word for it."""
        return "maximize" if self.maximize else "minimize"

    @property
    def curve(self) -> str:
        """What its values an epoch are called, in events and in MLflow."""
        return f"val_{self.name}"

    def gain(self, value: float) -> float:
        """Return a value so that more is better, and such a number as a value."""
        return value if self.maximize else -value

    def of(self, result: Mapping[str, Any]) -> float | None:
        """Return its value in a trial's result; None where that has none that is a number."""
        value = result.get(self.field)
        if value is None or not math.isfinite(value):
            return None
        return self.scale * float(value)


COSTS = {
    each.name: each
    for each in (
        Objective("time", "step_seconds", "ms a step", scale=1000.0),
        Objective("parameters", "parameters", "million", scale=1e-6),
        Objective("memory", "peak_memory_bytes", "MiB", scale=2.0**-20),
        Objective("flops", "flops", "million an image", scale=1e-6),
    )
}
"""By name."""


def read_objectives(names: Sequence[str], decisive: str = "accuracy") -> tuple[Objective, ...]:
    """Return the objectives called `names`, the metric that decides first.

    Raises `UserError` for one that there is not, and without the `decisive` metric.

    >>> [objective.direction for objective in read_objectives(["accuracy", "time"])]
    ['maximize', 'minimize']
    >>> read_objectives(["loss"], "loss")[0].direction
    'minimize'
    """
    known = {decisive: _of_metric(decisive), **COSTS}
    for name in names:
        if name in METRICS and name not in known:
            raise UserError(
                f"objectives={name}: recipes are judged by {decisive} here; write metric={name}"
            )
        if name not in known:
            raise UserError(f"objectives={name}: no such objective; " + nearest(name, known))
    if len(set(names)) != len(names):
        raise UserError(f"objectives=[{','.join(names)}] names one twice")
    if decisive not in names:
        raise UserError(
            f"objectives=[{','.join(names)}] leaves out {decisive}, without which the smallest "
            f"network wins; write objectives=[{decisive}," + ",".join(names) + "]"
        )
    return tuple(known[name] for name in sorted(names, key=lambda name: name != decisive))


def _of_metric(name: str) -> Objective:
    metric = METRICS[name]
    field = f"val_{name}" if name in OURS else "val_metric"
    return Objective(name, field, metric.unit, metric.direction is Direction.MAX, metric.scale)
