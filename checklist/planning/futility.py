"""When a trial is hopeless: far below the baseline's curve at the same place, or diverging.

The rule compares places in training, not epochs, so that a longer training is not behind for being
longer, and waits for a third of it, so that a warm-up is over. A trial that is stopped has no
result: its row is not judged, though it counts among the tests, so that no claim becomes easier.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["MIN_PROGRESS", "PATIENCE", "hopeless"]

MIN_PROGRESS = 1 / 3
"""Of training, before which no trial is stopped."""
PATIENCE = 3
"""Epochs in a row that are each to be hopeless."""
EXPLODED = 1.5
"""Times the training loss of the first epoch: above it training diverges."""
Curve = Sequence[Mapping[str, Any]]
"""The epochs of a run, in order: `epoch`, `epochs`, `train_loss` and `val_accuracy` in [0, 1]."""


def hopeless(curve: Curve, baselines: Sequence[Curve], points: float) -> str:
    """Return why the trial with `curve` is to be stopped; empty if it is not.

    In each of its last epochs the best accuracy so far is more than `points` below every run of the
    baseline that has come as far, `baselines`; or its training loss has risen by half.

    >>> def run(*accuracies):
    ...     return [
    ...         {"epoch": n, "epochs": 10, "train_loss": 1.0, "val_accuracy": accuracy}
    ...         for n, accuracy in enumerate(accuracies, start=1)
    ...     ]
    >>> baseline = run(0.5, 0.6, 0.7, 0.8, 0.8, 0.8)
    >>> hopeless(run(0.1, 0.1, 0.1, 0.1, 0.1, 0.1), [baseline], points=20)
    'at epoch 6 of 10 its best accuracy is 70.0 points below every run of the baseline there'
    >>> hopeless(run(0.1, 0.1, 0.1, 0.1, 0.1, 0.7), [baseline], points=20)
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
    behind = [_behind(curve, event, baselines) for event in late[-PATIENCE:]]
    if all(100 * each > points for each in behind):
        return (
            f"{where} its best accuracy is {100 * behind[-1]:.1f} points below every run of the "
            "baseline there"
        )
    return ""


def _behind(curve: Curve, event: Mapping[str, Any], baselines: Sequence[Curve]) -> float:
    """Return how far the best accuracy up to `event` is below the lowest of the baseline's runs.

    Minus infinity where none of them has come as far.
    """
    progress = event["epoch"] / event["epochs"]
    there = [at for each in baselines if (at := _best(each, progress, reached=True)) is not None]
    own = _best(curve, progress)
    return min(there) - own if there and own is not None else -math.inf


def _best(curve: Curve, progress: float, *, reached: bool = False) -> float | None:
    """Return the best accuracy up to a place in training.

    None before the first epoch, and, with `reached`, for a run that has not come there yet.
    """
    places = [event["epoch"] / event["epochs"] for event in curve]
    if reached and (not places or places[-1] < progress - 1e-9):
        return None
    until = [
        event["val_accuracy"] or 0.0
        for event, place in zip(curve, places, strict=True)
        if place <= progress + 1e-9
    ]
    return max(until, default=None)


def _number(loss: float | None) -> float:
    return loss if loss is not None and math.isfinite(loss) else math.inf
