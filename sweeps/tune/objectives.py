"""Objectives of a study: what of a trial's result is to be large, or small."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from darkmagic.checklist.errors import UserError, nearest

__all__ = ["OBJECTIVES", "Objective", "read_objectives"]


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

    def of(self, result: Mapping[str, Any]) -> float | None:
        """Return its value in a trial's result; None where that has none."""
        value = result.get(self.field)
        return None if value is None else self.scale * float(value)


OBJECTIVES = {
    each.name: each
    for each in (
        Objective("accuracy", "val_accuracy", "%", maximize=True, scale=100.0),
        Objective("time", "step_seconds", "ms a step", scale=1000.0),
        Objective("parameters", "parameters", "million", scale=1e-6),
        Objective("memory", "peak_memory_bytes", "MiB", scale=2.0**-20),
        Objective("flops", "flops", "million an image", scale=1e-6),
    )
}
"""By name."""


def read_objectives(names: Sequence[str]) -> tuple[Objective, ...]:
    """Return the objectives called `names`. Raises `UserError` for one that there is not.

    >>> [objective.direction for objective in read_objectives(["accuracy", "time"])]
    ['maximize', 'minimize']
    """
    for name in names:
        if name not in OBJECTIVES:
            raise UserError(f"objectives={name}: no such objective; " + nearest(name, OBJECTIVES))
    if len(set(names)) != len(names):
        raise UserError(f"objectives=[{','.join(names)}] names one twice")
    if "accuracy" not in names:
        raise UserError(
            f"objectives=[{','.join(names)}] leaves out accuracy, without which the smallest "
            "network wins; write objectives=[accuracy," + ",".join(names) + "]"
        )
    return tuple(OBJECTIVES[name] for name in sorted(names, key=lambda name: name != "accuracy"))
