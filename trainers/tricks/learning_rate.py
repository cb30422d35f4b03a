"""learning_rate: the base rate times a factor.

What: multiplies the optimizer's base rate, of all its groups, by `factor`. Schedules and warm-up
act on it as on any.
Why: the rate decides more than most tricks, and a recipe is often taken over with the rate of
another batch size, network or data set.
When it helps: wherever the rate was not tuned; a trick that only wins beside a wrong rate is found
out so. Decay that is decoupled acts through the rate, and grows with it.
Conflicts: batch_size scales the rate as well: both multiply.
Source: Bengio 2012 (arXiv 1206.5533), section 3.1, for its being the first thing to tune.
Published:
- x0.25 against x1: -0.42; ResNet-preact-20; CIFAR-10; 200 epochs, cosine, batch 1024, rate 0.4
  against 1.6, 1 run; hysts/pytorch_image_classification README, initial learning rate table
- x0.5 against x1: -0.01; ResNet-preact-20; CIFAR-10; 200 epochs, cosine, batch 1024, rate 0.8
  against 1.6, 1 run; hysts/pytorch_image_classification README, initial learning rate table
- x2 against x1: -1.05; ResNet-preact-20; CIFAR-10; 200 epochs, cosine, batch 1024, rate 3.2 against
  1.6, 1 run; hysts/pytorch_image_classification README, initial learning rate table
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from darkmagic.trainers.fields import number
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.trick import Trick

__all__ = ["LearningRate"]


@dataclass(frozen=True)
class LearningRate(Trick):
    """The base rate times `factor`.

    >>> from darkmagic.trainers.data import Shapes
    >>> from darkmagic.trainers.models import SmallResNet
    >>> recipe = Recipe(Shapes(count=20), SmallResNet, tricks={}, epochs=4, batch_size=8)
    >>> LearningRate(factor=3).edit_recipe(recipe).lr_scale
    3.0
    """

    factor: float = number(1.0, above=0)

    def edit_recipe(self, recipe: Recipe) -> Recipe:
        return dataclasses.replace(recipe, lr_scale=recipe.lr_scale * self.factor)
