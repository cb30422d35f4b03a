"""What a metric is worth by guessing, and how far luck carries a guess."""

from __future__ import annotations

import math
from dataclasses import dataclass

from darkmagic.checklist.metric import ACCURACY, Metric
from darkmagic.checklist.records import TrialRecord

__all__ = ["TIMES_CHANCE", "Guess", "guess_of"]

TIMES_CHANCE = 1.1
"""A network below this many times chance level has learned nothing."""
DEVIATIONS = 3.0
"""Standard errors above guessing that luck, in the best of many runs, does not give."""
LOSS_MARGIN = 0.02
"""Of the loss of guessing: what luck gains a network that only knows how common classes are."""
AN_EVEN_CLASS = (
    "balanced validation accuracy",
    "validation macro F1",
    "validation mean average precision",
)
"""Metrics whose mean over classes is one over their number, whatever the network names."""


@dataclass(frozen=True)
class Guess:
    """`level` is what guessing gives, `luck` what is no proof of more; both as records have them.

    >>> Guess(level=0.1, luck=0.12).luck
    0.12
    """

    level: float
    luck: float


def guess_of(metric: Metric, record: TrialRecord) -> Guess | None:
    """Return what guessing gives for the classes of `record`; None where that is not known.

    Of accuracy that is always to name the commonest class; of a loss, to say of each image how
    common the classes are, of which the commonest alone is known: the others count as even.

    >>> from darkmagic.checklist.records import Status
    >>> run = TrialRecord(None, None, "", 0, Status.FINISHED, classes=4, images=1200, commonest=0.4)
    >>> guess_of(ACCURACY, run), guess_of(Metric("validation AUROC"), run).level
    (Guess(level=0.4, luck=0.4424264068711929), 0.5)
    """
    if not record.classes:
        return None
    classes, common = record.classes, max(1 / record.classes, record.commonest or 0.0)
    if metric.name == "validation AUROC":
        return _ranks(classes, record.images)
    if metric.name == "validation cross-entropy":
        rest = (1 - common) * math.log((classes - 1) / (1 - common)) if common < 1 else 0.0
        level = rest - common * math.log(common)
        return Guess(level, (1 - LOSS_MARGIN) * level)
    five = min(5 * common, 1.0)  # of the five commonest, of which one is known
    levels = {ACCURACY.name: common, "validation top-5 accuracy": five}
    levels |= dict.fromkeys(AN_EVEN_CLASS, 1 / classes)
    return _share(levels[metric.name], record.images) if metric.name in levels else None


def _ranks(classes: int, images: int | None) -> Guess:
    """Return what ranks that mean nothing give, averaged over classes of one size."""
    error = math.sqrt(classes / (12 * images * max(classes - 1, 1))) if images else 0.0
    return Guess(0.5, 0.5 + max(DEVIATIONS * error, (TIMES_CHANCE - 1) * 0.5))


def _share(level: float, images: int | None) -> Guess:
    error = math.sqrt(level * (1 - level) / images) if images else 0.0
    margin = (TIMES_CHANCE - 1) * min(level, 1 - level)
    return Guess(level, min(level + max(DEVIATIONS * error, margin), 1 - 1e-9))
