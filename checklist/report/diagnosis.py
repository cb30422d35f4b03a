"""What a trial's epochs show about its training: notes for a report, no verdicts.

A trial's training loss is the one it was trained on, with label smoothing, mixup and
augmentation in it, and validation loss is plain cross-entropy. So training loss may well be the
higher of the two, and only a validation loss far above it is a gap.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["diagnose"]

MAX_FALLEN_LOSS = 0.98  # of the first epoch's loss
MIN_EXPLODED_LOSS = 1.5
MIN_GUESSING_SHARE = 0.8  # of the loss of guessing
MAX_LOSS_RATIO, MIN_LOSS_GAP = 2.0, 0.1  # times the training loss; nats
MAX_RISE_RATIO, MIN_RISE = 1.15, 0.05  # times the lowest validation loss; nats
MAX_LATE_SHARE = 0.7  # of the loss a quarter of the epochs before; a decaying rate alone gives 0.8


def diagnose(
    events: Sequence[Mapping[str, Any]],
    classes: int | None = None,
    guessing_loss: float | None = None,
) -> list[str]:
    """Return notes on the epochs of one trial, in their order; empty if it trained well.

    `events` are those of its `events.jsonl`, of which the type `epoch` counts: `train_loss` and
    `val_loss`, None where they were not finite. `classes` is K and `guessing_loss` the training
    loss of equal logits, where they are known: that of cross-entropy is log(K), and
    another loss is not compared with validation's cross-entropy.
    """
    epochs = [event for event in events if event.get("type", "epoch") == "epoch"]
    epochs = [event for event in epochs if "train_loss" in event]  # a command's have none
    if not epochs:
        return []
    train = [_finite(event["train_loss"]) for event in epochs]
    val = [_finite(event["val_loss"]) for event in epochs]
    exploding = _exploding(train, val)
    if exploding:
        return [exploding]
    entropy = None if classes is None or classes < 2 else math.log(classes)
    guessing = entropy if guessing_loss is None else guessing_loss
    notes = [_not_falling(train), _guessing(train, guessing)]
    found = [note for note in notes if note]
    if found:
        return found
    same_scale = (
        entropy is None or guessing is None or math.isclose(guessing, entropy, rel_tol=1e-3)
    )
    notes = [_overfitting(train, val, same_scale=same_scale), _still_learning(train, val)]
    return [note for note in notes if note]


def _finite(loss: float | None) -> float:
    return loss if loss is not None and math.isfinite(loss) else math.inf


def _exploding(train: Sequence[float], val: Sequence[float]) -> str:
    for epoch, losses in enumerate(zip(train, val, strict=True), start=1):
        if math.isinf(max(losses)):
            return f"the loss is not finite in epoch {epoch}: lower the learning rate"
    worst = max(range(len(train)), key=train.__getitem__)
    if train[worst] > MIN_EXPLODED_LOSS * train[0]:
        return (
            f"exploding: the training loss rose from {train[0]:.2f} to {train[worst]:.2f} in epoch "
            f"{worst + 1}; lower the learning rate or clip gradients"
        )
    return ""


def _not_falling(train: Sequence[float]) -> str:
    if len(train) < 3 or train[-1] < MAX_FALLEN_LOSS * train[0]:
        return ""
    return (
        f"not falling: the training loss went from {train[0]:.2f} to {train[-1]:.2f} in "
        f"{len(train)} epochs; look at the learning rate (darkmagic preflight)"
    )


def _guessing(train: Sequence[float], guessing: float | None) -> str:
    if guessing is None or train[-1] < MIN_GUESSING_SHARE * guessing:
        return ""
    return (
        f"underfitting: a training loss of {train[-1]:.2f} is near that of guessing, "
        f"{guessing:.2f}; train longer, or with less regularisation"
    )


def _overfitting(train: Sequence[float], val: Sequence[float], *, same_scale: bool) -> str:
    best = min(range(len(val)), key=val.__getitem__)
    rises = val[-1] > MAX_RISE_RATIO * val[best] and val[-1] > val[best] + MIN_RISE
    if rises and train[-1] < train[best]:
        return (
            f"overfitting from epoch {best + 1} on: the validation loss rose from {val[best]:.2f} "
            f"to {val[-1]:.2f} while the training loss fell to {train[-1]:.2f}; regularise more, "
            "or train for fewer epochs"
        )
    if same_scale and val[-1] > MAX_LOSS_RATIO * train[-1] + MIN_LOSS_GAP:
        return (
            f"overfitting: a validation loss of {val[-1]:.2f} against {train[-1]:.2f} in training; "
            "regularise more, or get more images"
        )
    return ""


def _still_learning(train: Sequence[float], val: Sequence[float]) -> str:
    """Both losses fell to the end; what the schedule would have given is not known."""
    quarter = max(1, len(train) // 4)
    if len(train) < 4:
        return ""
    pairs = [(losses[-1 - quarter], losses[-1]) for losses in (train, val)]
    if not all(last < MAX_LATE_SHARE * before for before, last in pairs) or val[-1] > min(val):
        return ""
    return (
        f"still learning at the end: in the last {quarter} of {len(train)} epochs the validation "
        f"loss fell from {pairs[1][0]:.2f} to {pairs[1][1]:.2f}; train longer"
    )
