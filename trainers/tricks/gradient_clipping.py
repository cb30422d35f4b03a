"""gradient_clipping: shorten the gradients that are too long.

What: multiplies the gradient of all weights by `max_norm` over its norm where that is above
`max_norm`.
Why: now and then a batch's gradient is many times the usual; one full step along it can undo
an epoch.
When it helps: recurrent and attention networks, high rates, the first steps; residual CNNs with
batch normalisation seldom need it. A norm below the usual one lowers the rate by another name.
Conflicts: optimizers that scale their own steps (Adam and its kin, Lion, Muon) notice only that
a batch weighs less in their averages.
Source: Pascanu et al. 2013 (arXiv 1211.5063), section 3.2.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import nn

from darkmagic.trainers.fields import number
from darkmagic.trainers.trick import Trick

__all__ = ["GradientClipping"]


@dataclass(frozen=True)
class GradientClipping(Trick):
    """Clip the norm over all weights to `max_norm`.

    >>> weight = nn.Parameter(torch.zeros(2))
    >>> weight.grad = torch.tensor([3.0, 4.0])
    >>> GradientClipping(max_norm=1.0).transform_gradients([weight])
    >>> weight.grad
    tensor([0.6000, 0.8000])
    """

    max_norm: float = number(1.0, above=0)

    def transform_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        nn.utils.clip_grad_norm_(parameters, self.max_norm)
