"""Records of sweeps that were never trained, for tests that look at tables and reports."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from darkmagic.checklist.compare.comparison import Comparison, compare
from darkmagic.checklist.model import BASELINE, Checklist, Trick
from darkmagic.checklist.plan import expand, plan_seeds
from darkmagic.checklist.records import Costs, Status, TrialRecord
from darkmagic.checklist.report.content import Report
from darkmagic.checklist.report.curves import Curve

SMALL = Checklist(
    "small",
    (
        Trick("lr", "training scheme", ("cycles", "cosine")),
        Trick("mixup", "regularisation", ("off", "on")),
        Trick("stem", "architecture", ("leaky", "relu", "swish")),
    ),
)
COSTS = Costs(2.0, 60.0, 1000, 50, 10.0)
STEADY = {
    "baseline": [90.0, 90.2, 89.9],
    "lr=cosine": [91.5, 91.8, 91.4],
    "mixup=on": [88.0, 88.3, 88.0],
    "stem=relu": [90.0, 90.1, 90.0],
    "stem=swish": [90.1, 90.1, 89.9],
}
HOSTILE = "<script>alert('x')</script> | `a` *b* & 5_%"


def record(name: str = BASELINE, seed: int = 0, accuracy: float | None = 0.9, **changes: Any):  # noqa: ANN201
    """Return a finished run of `baseline` or of `trick=option`."""
    trick, _, option = name.partition("=")
    section = next((t.section for t in SMALL.tricks if t.name == trick), "")
    fields = {
        "trick": None if name == BASELINE else trick,
        "option": option or None,
        "section": section,
        "seed": seed,
        "status": Status.FINISHED,
        "accuracy": accuracy,
        "costs": COSTS,
        "run_id": f"{name}-{seed}",
        "epochs": 20,
        **changes,
    }
    return TrialRecord(**fields)


def swept(
    accuracies: Mapping[str, Sequence[float]], change: Callable[..., Any] | None = None
) -> list[TrialRecord]:
    """Return finished runs: for each trial, its accuracies by seed, in percent."""
    made = [
        record(name, seed, accuracy / 100)
        for name, runs in accuracies.items()
        for seed, accuracy in enumerate(runs)
    ]
    return [change(r) for r in made] if change else made


def simulated(
    checklist: Checklist,
    seeds: int,
    gains: Mapping[str, float] | None = None,
    *,
    spread: float = 0.2,
    images: int | None = 2000,
    first_seed: int = 0,
) -> list[TrialRecord]:
    """Return a sweep of `checklist` whose true gains, in points, are known."""
    rng = np.random.default_rng(11)
    found = []
    for trial in expand(checklist, plan_seeds(checklist, seeds=seeds, first_seed=first_seed)):
        accuracy = 0.9 + ((gains or {}).get(trial.name, 0.0) + spread * rng.normal()) / 100
        correct = None
        if images is not None:
            correct = np.arange(images) < round(accuracy * images)
            accuracy = float(correct.mean())
        found.append(
            TrialRecord(
                trial.trick,
                trial.option,
                trial.section,
                trial.seed,
                Status.FINISHED,
                accuracy=accuracy,
                costs=Costs(2.0 + rng.random(), 60.0 + rng.random(), 1000, 50, 10.0),
                run_id=f"{trial.name}-{trial.seed}",
                classes=10,
                epochs=20,
                images=images,
                correct=correct,
            )
        )
    return found


def curves_of(comparison: Comparison, epochs: int = 30) -> dict[str, dict[str, Curve]]:
    """Return learning curves and schedules for every row."""
    steps = np.arange(1, epochs + 1)
    curves: dict[str, dict[str, Curve]] = {"value": {}, "lr": {}, "weight_decay": {}}
    for place, row in enumerate(comparison.rows):
        level = (row.accuracy or 90.0) / 100 * (1 - np.exp(-steps / 5))
        curves["value"][row.name] = Curve(steps, level, level - 0.01, level + 0.01)
        falling = np.cos(steps / epochs * np.pi / 2) + (0.1 if place == 1 else 0.0)
        curves["lr"][row.name] = Curve(steps, falling, falling, falling)
        flat = np.full(epochs, 5e-5)
        curves["weight_decay"][row.name] = Curve(steps, flat, flat, flat)
    return curves


def report_of(
    records: Sequence[TrialRecord], checklist: Checklist = SMALL, **changes: Any
) -> Report:
    """Return the report of `records`."""
    comparison = compare(checklist, records)
    fields: dict[str, Any] = {
        "title": "digits: what each trick does",
        "comparison": comparison,
        "facts": {"machine": "a machine", "versions": "darkmagic 0.1"},
        "overrides": ("dataset=digits",),
        "epochs": 20,
        "run_seconds": 30.0,
        "cards": {"mixup": "mixup: blends\n\nPublished:\n- on against off: +0.97; M; D; S; Source"},
        "reproduce": {row.name: f"darkmagic train trick={row.name}" for row in comparison.rows},
        "curves": curves_of(comparison),
        **changes,
    }
    return Report(**fields)


def hostile_report(seeds: int = 3) -> Report:
    """Return a report with a row of each kind, whose words try to break out of their format."""
    gains = {"lr=cosine": 1.5, "mixup=on": -2.0, "stem=relu": 0.3}
    records = [
        dataclasses.replace(r, status=Status.FAILED, accuracy=None, reason="OSError: " + HOSTILE)
        if r.name == "stem=swish"
        else r
        for r in simulated(SMALL, seeds, gains)
    ]
    return report_of(records, title="digits: " + HOSTILE, facts={"machine": HOSTILE})
