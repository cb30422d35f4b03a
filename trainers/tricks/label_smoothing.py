"""label_smoothing: train against targets that are not quite certain.

What: puts `1 - eps` on the true class and `eps / (K - 1)` on each of the other K - 1. (Szegedy
et al. and PyTorch spread eps over all K classes, which leaves `1 - eps + eps / K` on the true
one: not the same number.)
Why: a logit gap that grows without bound is over-confidence; smoothing gives the loss a
minimum at a finite gap.
When it helps: many classes, long training, noisy labels. 0.1 is the usual value.
Conflicts: with mixup both soften targets, and less smoothing may do; needs a loss that takes
soft targets.
Source: Szegedy et al. 2016 (arXiv 1512.00567), section 7; Ridnik's article for this form.
Published:
- 0.1 against 0.0: +0.5; ResNet-50-vd; ImageNet; epochs not stated; PaddleClas, training strategy
  docs, section 5
- 0.1 against 0.0: -0.17; ResNet-18; ImageNet; epochs not stated; PaddleClas, training strategy
  docs, section 5
- 0.1 against 0.0: +0.32; ResNet-50; ImageNet; 600 epochs, TrivialAugment, best of 3; torchvision
  2021 recipe post, table of steps
- 0.1 against 0.0: +0.03; ResNet-preact-20; CIFAR-10; 200 epochs, median of 3;
  hysts/pytorch_image_classification README, label smoothing table
- 0.1 against 0.0: -0.11; ResNet-preact-20; CIFAR-10; 400 epochs, median of 3;
  hysts/pytorch_image_classification README, label smoothing table
- 0.01 against 0.0: +0.39; ResNet-preact-20; CIFAR-10; 200 epochs, median of 3;
  hysts/pytorch_image_classification README, label smoothing table
- 0.01 against 0.0: +0.08; ResNet-preact-20; CIFAR-10; 400 epochs, median of 3;
  hysts/pytorch_image_classification README, label smoothing table
- 0.2 against 0.1: none found.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.fields import number
from darkmagic.trainers.trick import Trick

__all__ = ["LabelSmoothing", "smooth_targets"]


def smooth_targets(targets: Tensor, eps: float) -> Tensor:
    """Return `targets` (B, K), rows summing to 1, smoothed by `eps` in [0, 1).

    Linear in `targets`, so that smoothing a mixture is mixing the smoothed.

    >>> smooth_targets(torch.eye(3)[:1], eps=0.1)
    tensor([[0.9000, 0.0500, 0.0500]])
    """
    classes = targets.shape[1]
    return targets * (1 - eps) + (1 - targets) * (eps / (classes - 1))


@dataclass(frozen=True)
class LabelSmoothing(Trick):
    """Cross-entropy against targets smoothed by `eps`.

    >>> logits, targets = torch.zeros(1, 4), torch.eye(4)[:1]
    >>> LabelSmoothing(eps=0.1).loss(logits, targets)
    tensor(1.3863)
    """

    eps: float = number(0.1, at_least=0, below=1)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        return F.cross_entropy(logits, smooth_targets(targets, self.eps))
