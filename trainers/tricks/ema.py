"""ema: evaluate an average of the weights over the last steps of training.

What: keeps an exponential moving average of the weights (and of batch normalisation's
statistics) beside them, and evaluates that. At step t the decay is the smaller of `decay` and
(1 + t) / (10 + t), so that an average of a short training is not one of its first weights.
Why: steps at a high rate jump about a minimum; their average is nearer to it, as if the rate
had been lowered.
When it helps: constant or stepped rates, and long annealed ones a little. It costs a copy of
the weights and no time to speak of.
Conflicts: swa, a second average. Little is left to gain where the rate falls to 0, and nothing
beside `optimizer=schedule_free`, which averages itself: what is averaged there are the weights
that gradients are taken at. Early stopping sees the average's loss.
Source: Polyak & Juditsky 1992 (SIAM J. Control) for averaging; Szegedy et al. 2016 (arXiv
1512.00567), section 8, for the moving average; TensorFlow's ExponentialMovingAverage for the
rising decay.
Published:
- on against off: +0.25; ResNet-50; ImageNet; 600 epochs, best of 3; torchvision 2021 recipe post,
  table of steps
"""

from __future__ import annotations

from dataclasses import dataclass

from darkmagic.trainers.fields import flag, number
from darkmagic.trainers.trick import Trick

__all__ = ["Ema"]


@dataclass(frozen=True)
class Ema(Trick):
    """Average with `decay` a step, which `warmup` lowers at first.

    >>> [round(Ema(decay=0.9).average(step, 100, 10), 3) for step in (0, 10, 90)]
    [0.9, 0.45, 0.1]
    """

    decay: float = number(0.999, above=0, below=1)
    warmup: bool = flag(True)

    def average(self, step: int, steps: int, epoch_steps: int) -> float:
        del steps, epoch_steps
        return 1 - min(self.decay, (1 + step) / (10 + step) if self.warmup else 1)
