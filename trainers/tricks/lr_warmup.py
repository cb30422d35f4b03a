"""lr_warmup: raise the learning rate from next to nothing at the start of training.

What: multiplies the rate by a factor that rises linearly from `start` to 1 over the first
`share` of training. The usual five epochs of ninety are a share of 0.056; it is the share that
is kept, so that the warm-up of a short training is as short in proportion.
Why: at random weights gradients are large and point everywhere; a full rate then throws the
network far off, or makes it diverge.
When it helps: large batches and rates, adaptive optimizers whose averages are still forming,
networks without normalisation. Under a small rate it only costs time.
Conflicts: `cosine_power_cycles` and `one_cycle` of lr_regime warm up already: the factors
multiply.
Source: Goyal et al. 2017 (arXiv 1706.02677), section 2.2; He et al. 2019, "Bag of Tricks"
(arXiv 1812.01187), section 3.1.
"""

from __future__ import annotations

from dataclasses import dataclass

from darkmagic.trainers.fields import number
from darkmagic.trainers.trick import Trick

__all__ = ["LrWarmup", "linear_warmup"]


def linear_warmup(progress: float, share: float, start: float) -> float:
    """Return a factor that rises from `start` at `progress` 0 to 1 at `share`, and stays.

    `progress` and `start` are in [0, 1], `share` is in (0, 1).

    >>> [linear_warmup(x, share=0.2, start=0.5) for x in (0, 0.1, 0.2, 1)]
    [0.5, 0.75, 1.0, 1.0]
    """
    if progress >= share:
        return 1.0
    return start + (1 - start) * progress / share


@dataclass(frozen=True)
class LrWarmup(Trick):
    """Rise linearly from `start` times the base lr over the first `share` of training.

    >>> [round(LrWarmup(share=0.1).lr_factor(x), 3) for x in (0, 0.05, 0.1, 1)]
    [0.0, 0.5, 1.0, 1.0]
    """

    share: float = number(5 / 90, above=0, below=1)
    start: float = number(0.0, at_least=0, below=1)

    def lr_factor(self, progress: float) -> float:
        return linear_warmup(progress, self.share, self.start)
