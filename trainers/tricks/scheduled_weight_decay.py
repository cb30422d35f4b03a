"""scheduled_weight_decay: weight decay that rises over training.

What: multiplies weight decay by a factor that rises linearly from `start` to `2 - start`, so
that its mean over training is that of the fixed decay.
Why: early on the network should learn freely; overfitting sets in late, when a stronger pull
costs least.
When it helps: long schedules that end in overfitting. In a short run there is little to
gain.
Conflicts: does nothing where weight decay is 0.
Source: Ridnik, "Revealing the Dark Magic Behind Deep Learning" (scheduled regularisation).
Published:
- none found.
"""

from __future__ import annotations

from dataclasses import dataclass

from darkmagic.trainers.fields import number
from darkmagic.trainers.trick import Trick

__all__ = ["LinearWeightDecay", "ScheduledWeightDecay"]


@dataclass(frozen=True)
class ScheduledWeightDecay(Trick):
    """Raise the weight decay factor linearly from `start` to `2 - start`.

    >>> [ScheduledWeightDecay(start=0.5).weight_decay_factor(x) for x in (0, 0.5, 1)]
    [0.5, 1.0, 1.5]
    """

    start: float = number(0.0, at_least=0, at_most=1)

    def weight_decay_factor(self, progress: float) -> float:
        return self.start + 2 * (1 - self.start) * progress


LinearWeightDecay = ScheduledWeightDecay
"""Its name in configurations that were written before."""
