"""norm_weight_decay: let biases and normalisation layers decay as the weights do.

What: puts every parameter into the group that decays, also what is otherwise left out: biases,
the scales and shifts of normalisation layers, and in token networks position embeddings, class
tokens, tables of relative biases and layer scale.
Why: it is what a plain `weight_decay=` does, so most published recipes did it. A scale pulled
to zero shrinks what a layer passes on; a bias has no large values to be kept from.
When it helps: seldom, which is why `off` is the default; it shows what leaving them out is
worth. With no decay to speak of there is no difference.
Conflicts: acts through weight_decay, and grows with it.
Source: He et al. 2019, "Bag of Tricks" (arXiv 1812.01187), section 3.1; Goyal et al. 2017
(arXiv 1706.02677), section 5.3, for leaving out the norms.
Published:
- no decay on norms and decay 2e-5 against decay 1e-4 on all: +0.53; ResNet-50; ImageNet; 600
  epochs, best of 3; torchvision 2021 recipe post, table of steps
- off against on: +0.37; ResNet-preact-20; CIFAR-10; 200 epochs, batch 1024, rate 1.6, decay 5e-4 of
  convolutions alone against all, median of 3; hysts/pytorch_image_classification README, no weight
  decay on BN table
- off against on: -0.11; ResNet-preact-20; CIFAR-10; 200 epochs, batch 1024, rate 1.6, decay 3e-4 of
  convolutions alone against all, median of 3; hysts/pytorch_image_classification README, no weight
  decay on BN table
- off against on: -0.27; ResNet-preact-20; CIFAR-10; 200 epochs, batch 1024, rate 1.6, decay 1e-4 of
  convolutions alone against all, median of 3; hysts/pytorch_image_classification README, no weight
  decay on BN table
"""

from __future__ import annotations

from dataclasses import dataclass

from darkmagic.trainers.trick import ParamGroup, Trick

__all__ = ["NormWeightDecay"]


@dataclass(frozen=True)
class NormWeightDecay(Trick):
    """Move the parameters of the second group, which never decays, to the first.

    >>> groups = [{"params": ["weight"], "weight_decay": 1e-4}, {"params": ["scale", "bias"]}]
    >>> NormWeightDecay().edit_param_groups(groups)[0]["params"]
    ['weight', 'scale', 'bias']
    """

    def edit_param_groups(self, groups: list[ParamGroup]) -> list[ParamGroup]:
        decayed, spared, *rest = groups
        return [{**decayed, "params": [*decayed["params"], *spared["params"]]}, *rest]
