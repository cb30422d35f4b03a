"""shuffle: the order in which an epoch shows the training images.

What: a new random order every epoch (the default), one random order for all epochs (`once`), or
the data set's own (`never`).
Why: in one fixed order the same images share a batch in every epoch, and their gradients'
errors do not average out. In the data set's own order they may even be of one class.
When it helps: `every_epoch` is what to use; the others show what it is worth, and what reading
a large data set in sequence would cost.
Conflicts: batch normalisation suffers most from `never` on data sorted by class.
Source: Bengio 2012 (arXiv 1206.5533), section 3.1.3; Bottou 2009, "Curiously fast convergence
of some stochastic gradient descent algorithms".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from darkmagic.trainers.fields import choice
from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.trick import Trick

__all__ = ["Shuffle"]


@dataclass(frozen=True)
class Shuffle(Trick):
    """Shuffle `every_epoch`, `once` or `never`.

    >>> once = Shuffle("once")
    >>> [torch.randperm(4, generator=once.epoch_order(epoch, seed=0)).tolist() for epoch in (0, 1)]
    [[1, 2, 3, 0], [1, 2, 3, 0]]
    """

    when: str = choice("every_epoch", ("every_epoch", "once", "never"))

    def epoch_order(self, epoch: int, seed: int) -> torch.Generator | None:
        if self.when == "never":
            return None
        return generator(seed, "shuffle", epoch if self.when == "every_epoch" else 0)
