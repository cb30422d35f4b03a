"""gradient_centralization: take the mean out of every unit's gradient.

What: from the gradient of each weight with more than one dimension subtracts its mean over all
dimensions but the first, which is the output's: each filter and each row of a matrix keeps the
sum of its weights (but for weight decay). Biases and scales are left alone, and so are weights
with one number an output, of which nothing would be left. With `convolutions_only`, matrices
are left alone too.
Why: it confines training to weights of a fixed mean, a smaller space, which regularises; and it
makes the loss and its gradient smoother.
When it helps: convolutional networks, fine-tuning, small batches. It costs no time to speak of.
Conflicts: next to nothing to do where a normalisation of the weights fixes their mean. Acts on
the loss's gradient: weight decay is added after it. Beside gradient_clipping it acts in the order
of the configuration.
Source: Yong et al. 2020 (arXiv 2004.01461), equation 1 and algorithms 1 and 2.
Published:
- none found
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from darkmagic.trainers.fields import flag
from darkmagic.trainers.trick import Trick

__all__ = ["GradientCentralization", "centralize"]


def centralize(gradient: Tensor) -> Tensor:
    """Return `gradient` (out, ...) less the mean of each of its outputs: those become 0.

    >>> centralize(torch.tensor([[1.0, 2.0, 6.0]]))
    tensor([[-2., -1.,  3.]])
    """
    return gradient - gradient.mean(dim=tuple(range(1, gradient.ndim)), keepdim=True)


@dataclass(frozen=True)
class GradientCentralization(Trick):
    """Centralise gradients of convolutions and, by default, of matrices.

    >>> weight = nn.Parameter(torch.zeros(1, 3))
    >>> weight.grad = torch.tensor([[1.0, 2.0, 6.0]])
    >>> GradientCentralization().transform_gradients([weight])
    >>> weight.grad
    tensor([[-2., -1.,  3.]])
    """

    convolutions_only: bool = flag(False)

    def transform_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        least = 3 if self.convolutions_only else 2
        for parameter in parameters:
            if parameter.ndim >= least and parameter[0].numel() > 1:
                assert parameter.grad is not None
                parameter.grad.copy_(centralize(parameter.grad))
