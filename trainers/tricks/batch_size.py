"""batch_size: more or fewer images a step, with the learning rate to match.

What: multiplies the batch size by `factor` and, with `scale_lr`, the base rate too; a
larger rate is reached by a linear rise from the unscaled one over the first `warmup` of
training (five epochs of ninety). The `_unscaled` options keep the rate, which shows what the
rule is worth. The number of epochs stays, so a larger batch makes fewer updates. A batch never
holds more than the training split, and the rate then grows by as much as the batch could.
Why: the mean gradient of k times as many images is less noisy, so a step may be k times as
long: then k small steps and a large one lead to much the same place.
When it helps: larger batches keep a large GPU busy; smaller ones are noisier, which often
generalises better where time allows.
Conflicts: works together with the rate. The linear rule is SGD's; under Adam and its kin the
rate grows with the root of the batch. A batch that leaves only a few steps an epoch makes too
few updates whatever the rate.
Source: Goyal et al. 2017 (arXiv 1706.02677), section 2; Krizhevsky 2014 (arXiv 1404.5997),
section 5.
Published:
- x0.25 against x1: +0.09; ResNet-preact-20; CIFAR-10; 200 epochs, cosine, batch 32 against 128,
  rate scaled from 0.1 without warm-up, 1 run; hysts/pytorch_image_classification README, linear
  scaling table
- x4 against x1: -0.13; ResNet-preact-20; CIFAR-10; 200 epochs, cosine, batch 512 against 128, rate
  scaled from 0.1 without warm-up, 1 run; hysts/pytorch_image_classification README, linear scaling
  table
- x16 against x1: -0.78; ResNet-preact-20; CIFAR-10; 200 epochs, cosine, batch 2048 against 128,
  rate scaled from 0.1 without warm-up, 1 run; hysts/pytorch_image_classification README, linear
  scaling table
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass

from darkmagic.trainers.fields import flag, number
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.lr_warmup import linear_warmup

__all__ = ["BatchSize"]


@dataclass(frozen=True)
class BatchSize(Trick):
    """Batches `factor` times as large, at a rate that is scaled alike with `scale_lr`.

    >>> from darkmagic.trainers import Recipe
    >>> from darkmagic.trainers.data import Shapes
    >>> from darkmagic.trainers.models import SmallResNet
    >>> recipe = Recipe(Shapes(count=20), SmallResNet, tricks={}, epochs=4, batch_size=8)
    >>> BatchSize(factor=4).edit_recipe(recipe).batch_size
    32
    """

    factor: float = number(1.0, above=0)
    scale_lr: bool = flag(True)
    warmup: float = number(5 / 90, at_least=0, below=1)  # share of training

    def edit_recipe(self, recipe: Recipe) -> Recipe:
        size = max(1, round(recipe.batch_size * self.factor))
        if recipe.train_images is not None:
            size = min(size, recipe.train_images)
        grown = size / recipe.batch_size
        # What rounding and the number of images leave of the factor is what is warmed up from.
        kept = {n: self._of(grown) if t is self else t for n, t in recipe.tricks.items()}
        scale = grown if self.scale_lr else 1.0
        return dataclasses.replace(
            recipe, batch_size=size, lr_scale=recipe.lr_scale * scale, tricks=kept
        )

    def _of(self, factor: float) -> BatchSize:
        return dataclasses.replace(self, factor=factor)

    def lr_factor(self, progress: float) -> float:
        if not self.scale_lr or self.factor <= 1:
            return 1.0
        return linear_warmup(progress, self.warmup, start=1 / self.factor)
