"""swa: evaluate the equal average of weights from the last part of training.

What: from `start` of training on takes the weights every `period` epochs (1: at each epoch's
end; 0.1: ten times an epoch) and after the last step, keeps their equal average beside the
network, and evaluates that, with batch normalisation's statistics computed again at the averaged
weights. Until the first are taken the network itself is evaluated. The schedule of the learning
rate is left as it is.
Why: steps at a high rate circle a wide minimum; the mean of points far apart lies nearer its
middle, where the loss on other data is lower.
When it helps: a constant or cyclical rate over the averaged part (lr_regime=constant), as in the
paper. Under one that falls to 0 the points are close together and little is gained.
Conflicts: ema, a second average, and `optimizer=schedule_free`, which averages itself: each is
refused. Early stopping sees the average's loss.
Source: Izmailov et al. 2018 (arXiv 1803.05407), algorithm 1; its statistics are of one pass over
the training data, here of at most 50 batches.
Published:
- on against off: +1.28; ResNet-164; CIFAR-100; the same 150 epochs, high constant rate at the
  end, mean of 3; Izmailov et al. 2018, table 1
- on against off: +0.64; WRN-28-10; CIFAR-100; the same 200 epochs, high constant rate at the
  end, mean of 3; Izmailov et al. 2018, table 1
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

from darkmagic.trainers.fields import number
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.optimizer import ScheduleFree

__all__ = ["Swa", "swa_weight"]


def swa_weight(step: int, steps: int, first: int, every: int) -> float:
    """Return how far `step` (from 0) moves the average, in [0, 1].

    Weights are taken after `every` steps, from the end of step number `first` (from 1) on, and
    after the last of `steps`: the n-th counts 1 / n. Before the first of them the average is to
    be the network (1); between them it stays (0).

    >>> [swa_weight(step, steps=6, first=2, every=2) for step in range(6)]
    [1.0, 1.0, 0.0, 0.5, 0.0, 0.3333333333333333]
    """
    done = step + 1
    last = done == steps and done % every > 0
    taken = done // every - (first - 1) // every + last
    if taken <= 0:
        return 1.0
    return 1 / taken if done % every == 0 or last else 0.0


@dataclass(frozen=True)
class Swa(Trick):
    """Average from `start` (a share of training) on, every `period` epochs.

    >>> [round(Swa().average(step, steps=100, epoch_steps=10), 3) for step in (0, 79, 89, 99)]
    [1.0, 1.0, 0.5, 0.333]
    """

    start: float = number(0.75, at_least=0, below=1)
    period: float = number(1.0, above=0)

    averages_statistics: ClassVar[bool] = False

    def conflict(self, other: Trick) -> str | None:
        if isinstance(other, ScheduleFree):
            return "schedule_free averages the weights itself: keep one of the averages"
        return None

    def average(self, step: int, steps: int, epoch_steps: int) -> float:
        first = max(1, math.ceil(self.start * steps - 1e-9))
        return swa_weight(step, steps, first, max(1, round(self.period * epoch_steps)))
