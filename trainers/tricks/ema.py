"""ema: evaluate an average of the weights over the last steps of training.

What: keeps an exponential moving average of the weights (and of batch normalisation's
statistics) beside them, and evaluates that. At step t the decay is the smaller of `decay` and
(1 + t) / (10 + t), so that an average of a short training is not one of its first weights.
Why: steps at a high rate jump about a minimum; their average is nearer to it, as if the rate
had been lowered.
When it helps: constant or stepped rates, and long annealed ones a little. It costs a copy of
the weights and no time to speak of.
Conflicts: little is left to gain where the rate falls to 0, and nothing beside
`optimizer=schedule_free`, which averages itself. Early stopping sees the average's loss.
Source: Polyak & Juditsky 1992 (SIAM J. Control) for averaging; Szegedy et al. 2016 (arXiv
1512.00567), section 8, for the moving average; TensorFlow's ExponentialMovingAverage for the
rising decay.
Published:
- on against off: +0.25; ResNet-50; ImageNet; 600 epochs, best of 3; torchvision 2021 recipe post,
  table of steps
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.trick import Trick

__all__ = ["Ema"]


@dataclass(frozen=True)
class Ema(Trick):
    """Average with `decay` a step, which `warmup` lowers at first.

    >>> from darkmagic.trainers import Recipe
    >>> from darkmagic.trainers.data import Shapes
    >>> from darkmagic.trainers.models import SmallResNet
    >>> recipe = Recipe(Shapes(count=20), SmallResNet, tricks={}, epochs=4, batch_size=8)
    >>> Ema(decay=0.9).edit_recipe(recipe).ema_decay
    0.9
    """

    decay: float = 0.999
    warmup: bool = True

    def __post_init__(self) -> None:
        if not 0 < self.decay < 1:
            raise ValueError(f"decay={self.decay}: need 0 < decay < 1")

    def edit_recipe(self, recipe: Recipe) -> Recipe:
        return dataclasses.replace(recipe, ema_decay=self.decay, ema_warmup=self.warmup)
