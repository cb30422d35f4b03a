"""training_length: more or fewer epochs, with every schedule stretched to fit.

What: multiplies the number of epochs by `factor`, at least one is left. Schedules are functions
of progress, so they take as long as training does.
Why: a network that still learns at the end stops too soon; one that overfits, too late.
When it helps: longer nearly always, for as much more time, and above all with strong
regularisation, which needs it. The gain of every other trick should be seen beside this one.
Conflicts: none. A single change like any other, but by far the most expensive.
Source: Wightman et al. 2021, "ResNet strikes back" (arXiv 2110.00476), section 4; torchvision's
recipe of 2021, "long training".
Published:
- x2 against x1: +0.55; ResNet-preact-20; CIFAR-10; 400 epochs against 200, cosine, median of 3;
  hysts/pytorch_image_classification README, label smoothing table
- 600 epochs against 90: +1.80; ResNet-50; ImageNet; with TrivialAugment, best of 3; torchvision
  2021 recipe post, table of steps
- 300 epochs against 100: +0.52; ResNet-50; ImageNet; no mixing; OpenMixup, supervised mixup
  benchmarks, PyTorch-style tables
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from darkmagic.trainers.fields import number
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.trick import Trick

__all__ = ["TrainingLength"]


@dataclass(frozen=True)
class TrainingLength(Trick):
    """Train for `factor` times as many epochs.

    >>> from darkmagic.trainers import Recipe
    >>> from darkmagic.trainers.data import Shapes
    >>> from darkmagic.trainers.models import SmallResNet
    >>> recipe = Recipe(Shapes(count=20), SmallResNet, tricks={}, epochs=4, batch_size=8)
    >>> TrainingLength(factor=2).edit_recipe(recipe).epochs
    8
    """

    factor: float = number(2.0, above=0)

    def edit_recipe(self, recipe: Recipe) -> Recipe:
        return dataclasses.replace(recipe, epochs=max(1, round(recipe.epochs * self.factor)))
