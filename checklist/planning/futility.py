"""When a trial is hopeless: far below the baseline's curve at the same place, or diverging.

The rule compares places in training, not epochs, so that a longer training is not behind for being
longer, and waits for a third of it, so that a warm-up is over. A trial that is stopped has no
result: its row is not judged, though it counts among the tests, so that no claim becomes easier.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from darkmagic.checklist.metric import ACCURACY, Metric

__all__ = ["MIN_PROGRESS", "PATIENCE", "hopeless"]

MIN_PROGRESS = 1 / 3
"""Of training, before which no trial is stopped."""
PATIENCE = 3
"""Epochs in a row that are each to be hopeless."""
EXPLODED = 1.5
"""Times the training loss of the first epoch: above it training diverges."""
Curve = Sequence[Mapping[str, Any]]
"""The epochs of a run, in order: `epoch`, `epochs`, `train_loss` and the figure that decides."""


def hopeless(
    curve: Curve,
    baselines: Sequence[Curve],
    margin: float,
    metric: Metric = ACCURACY,
    figure: str = "val_accuracy",
) -> str:
    """Return why the trial with `curve` is to be stopped; empty if it is not.

    In each of its last epochs the best value so far is worse by more than `margin`, in the unit of
    `metric`, than every run of the baseline that has come as far, `baselines`; or its training
    loss has risen by half. `figure` names the value in an epoch: None is one that is not finite,
    and epochs without it, which were trained for another metric, are compared with nothing.

    >>> def run(*accuracies):
    ...     return [
    ...         {"epoch": n, "epochs": 10, "train_loss": 1.0, "val_accuracy": accuracy}
    ...         for n, accuracy in enumerate(accuracies, start=1)
    ...     ]
    >>> baseline = run(0.5, 0.6, 0.7, 0.8, 0.8, 0.8)
    >>> hopeless(run(0.1, 0.1, 0.1, 0.1, 0.1, 0.1), [baseline], margin=20).split(" is ")[1]
    '70.00 points below every run of the baseline there'
    >>> hopeless(run(0.1, 0.1, 0.1, 0.1, 0.1, 0.7), [baseline], margin=20)
    ''
    """
    late = [event for event in curve if event["epoch"] / event["epochs"] >= MIN_PROGRESS]
    if len(late) < PATIENCE or late[-1]["epoch"] == late[-1]["epochs"]:
        return ""
    where = f"at epoch {late[-1]['epoch']} of {late[-1]['epochs']}"
    first = _number(curve[0]["train_loss"])
    if all(_number(event["train_loss"]) > EXPLODED * first for event in late[-PATIENCE:]):
        last = _number(late[-1]["train_loss"])
        return f"{where} its training loss is {last:.2f}, and {first:.2f} in the first: it diverges"
    own, others = _gains(curve, metric, figure), [_gains(b, metric, figure) for b in baselines]
    behind = [_behind(own, _place(event), others) for event in late[-PATIENCE:]]
    if not all(each > margin for each in behind):
        return ""
    if math.isinf(behind[-1]):
        return f"{where} its {metric.name} has been no finite number so far"
    side = "below" if metric.sign > 0 else "above"
    return (
        f"{where} its best {metric.name} is {metric.amount(behind[-1])} {side} every run of the "
        "baseline there"
    )


def _place(event: Mapping[str, Any]) -> float:
    return float(event["epoch"] / event["epochs"])


def _gains(curve: Curve, metric: Metric, figure: str) -> list[tuple[float, float | None]]:
    """Return the places of epochs in training, and the figure there as one that is to be high.

    Minus infinity where it is not finite; None where it is missing.
    """

    def gain(event: Mapping[str, Any]) -> float | None:
        if figure not in event:
            return None
        value = event[figure]
        return -math.inf if value is None else metric.scale * metric.gain(value)

    return [(_place(event), gain(event)) for event in curve]


def _behind(
    own: Sequence[tuple[float, float | None]],
    place: float,
    others: Sequence[Sequence[tuple[float, float | None]]],
) -> float:
    """Return how far the best of `own` up to a place is behind the lowest of the others' best.

    Minus infinity where none of them has come as far, or there is nothing to compare.
    """
    best = _best(own, place)
    there = [_best(each, place) for each in others if each and each[-1][0] >= place - 1e-9]
    known = [each for each in there if each is not None and math.isfinite(each)]
    if best is None or not known or len(known) < len(there):
        return -math.inf
    return min(known) - best


def _best(gains: Sequence[tuple[float, float | None]], place: float) -> float | None:
    """Return the best up to a place in training; None where an epoch has no figure."""
    until = [gain for at, gain in gains if at <= place + 1e-9]
    if not until or None in until:
        return None
    return max(gain for gain in until if gain is not None)


def _number(loss: float | None) -> float:
    return loss if loss is not None and math.isfinite(loss) else math.inf
