"""weight_decay: how strongly weights are pulled to zero.

What: adds `value` times each weight to its gradient. Biases, the parameters of normalisation
layers, position embeddings, class tokens, tables of relative biases, layer scale and what the
network's author names in `no_weight_decay` do not decay.
Why: small weights make smoother functions; before a normalisation layer, decay also keeps
the effective learning rate up.
When it helps: the best value grows as data shrink or training lengthens; 5e-5 to 5e-4 is
the usual range for CNNs.
Conflicts: works together with the learning rate, and with every other regulariser.
Source: Krogh & Hertz 1991 (NIPS) for weight decay; He et al. 2019, "Bag of Tricks" (arXiv
1812.01187), section 3.1, for leaving out biases and norms.
Published:
- 3e-5 against 1e-4: +1.04; MobileNetV1 x0.25; ImageNet; epochs not stated; PaddleClas, training
  strategy docs, section 4
- 7e-5 against 1e-4: +0.39; ResNet-50, complicated augmentation; ImageNet; epochs not stated;
  PaddleClas, training strategy docs, section 4
- 2e-4 against 1e-4: +0.57; ResNet-preact-20; CIFAR-10; 200 epochs, batch 1024, rate 1.6, decay on
  all, median of 3; hysts/pytorch_image_classification README, no weight decay on BN table
- 3e-4 against 1e-4: +0.45; ResNet-preact-20; CIFAR-10; 200 epochs, batch 1024, rate 1.6, decay on
  all, median of 3; hysts/pytorch_image_classification README, no weight decay on BN table
- 5e-4 against 1e-4: -0.19; ResNet-preact-20; CIFAR-10; 200 epochs, batch 1024, rate 1.6, decay on
  all, median of 3; hysts/pytorch_image_classification README, no weight decay on BN table
- higher or lower against generic: none found.
"""

from __future__ import annotations

from dataclasses import dataclass

from darkmagic.trainers.fields import number
from darkmagic.trainers.trick import ParamGroup, Trick

__all__ = ["WeightDecay"]


@dataclass(frozen=True)
class WeightDecay(Trick):
    """Decay the first parameter group by `value`.

    >>> groups = [{"params": [], "weight_decay": 0.0}, {"params": [], "weight_decay": 0.0}]
    >>> [group["weight_decay"] for group in WeightDecay(5e-4).edit_param_groups(groups)]
    [0.0005, 0.0]
    """

    value: float = number(5e-5, at_least=0)

    def edit_param_groups(self, groups: list[ParamGroup]) -> list[ParamGroup]:
        decayed, *rest = groups
        return [{**decayed, "weight_decay": self.value}, *rest]
