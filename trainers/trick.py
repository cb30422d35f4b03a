"""The base of every trick, which is itself the trick that does nothing.

The life of a trick in one trial, in order:

0. `conflict` once for each other trick of the recipe, before anything else;
1. `edit_recipe` once, before anything is made of the recipe's numbers;
2. `edit_model` once, at its `edit_stage`, before the network moves to its device;
3. `edit_param_groups`, in the same order, then `build_optimizer`, and `fit_scaling`, once;
4. every step: `crop_training` and `augment` on uint8 images, `resize` and `transform_batch` on
   scaled ones, `loss`, and before the update `lr_factor` and `weight_decay_factor`;
5. every epoch: `crop_validation` on the uint8 images that the network is evaluated on.

A trick overrides one or two of these. Its fields are hyper-parameters and never change, and
what moves over training is a function of progress in [0, 1], so a resumed trial needs nothing
from it. At most one trick of a trial may give each of `loss`, `build_optimizer`, `fit_scaling`,
`crop_training` and `crop_validation`; factors multiply; the rest chain in the order of the
configuration.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.augment.geometry import random_crop
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.prepare import Scaling, by_channel

if TYPE_CHECKING:  # which has tricks itself
    from darkmagic.trainers.recipe import Recipe

__all__ = ["Conflict", "EditStage", "NotApplicable", "ParamGroup", "TrialSkipped", "Trick"]

ParamGroup = dict[str, Any]
"""An optimizer's parameter group: `params`, `names`, `weight_decay`, and what tricks add.

`lr_scale`, where there is one, multiplies the group's lr throughout.
"""


class EditStage(IntEnum):
    """When a trick edits the network; within a stage, in the order of the configuration.

    >>> EditStage.SIZE < EditStage.PRETRAINED < EditStage.KINDS
    True
    """

    SIZE = 0
    PRETRAINED = 1  # published weights go into the network as its author made it
    KINDS = 2  # which kinds of layers the network has throughout
    PLACES = 3  # layers in certain places
    INIT = 4  # first values of what is there by now
    INIT_SOME = 5  # and then of some layers
    PRETRAINED_AFTER = 6  # weights of the network as the tricks leave it
    TRANSFER = 7  # what is done with pretrained weights
    CHECK = 8  # what must hold of the network as it is then; nothing is edited


class NotApplicable(Exception):  # noqa: N818 (a finding, not an error)
    """The trick finds nothing to work on in this model; the message says why.

    >>> from darkmagic.trainers.tricks import DropPath
    >>> net = nn.Sequential(nn.Flatten(), nn.Linear(192, 2))
    >>> try:
    ...     DropPath(0.1).edit_model(net, torch.zeros(2, 3, 8, 8))
    ... except NotApplicable as reason:
    ...     print(reason)
    drop_path drops residual branches, and the model has no sum of two
    """


class Conflict(NotApplicable):
    """Two tricks of the recipe cannot be had together; the message says why.

    >>> from darkmagic.trainers.tricks import MulticlassHinge, Mixup
    >>> MulticlassHinge().conflict(Mixup())  # a reason: a recipe with both raises `Conflict`
    'it mixes targets, and a hinge needs one class an image'
    """


class TrialSkipped(Exception):  # noqa: N818 (a finding, not an error)
    """Something the trial needs is not to be had here; the message says what.

    >>> from darkmagic.trainers.tricks import Pretrained
    >>> try:
    ...     Pretrained("nowhere.pt").edit_model(nn.Linear(2, 2), torch.zeros(2, 2))
    ... except TrialSkipped as reason:
    ...     print(reason)
    no file of weights at nowhere.pt
    """


class Trick:
    """Do nothing. Options named `off` and `none` are this class itself.

    >>> class Brighter(Trick):
    ...     def augment(self, images, rng):
    ...         return images.clamp(max=245) + 10
    >>> Brighter().augment(torch.tensor([[[[0, 250]]]], dtype=torch.uint8), torch.Generator())
    tensor([[[[ 10, 255]]]], dtype=torch.uint8)
    """

    sole_schedule: ClassVar[bool] = False
    """Whether its `lr_factor` stands alone, those of other tricks left out."""
    mixes_targets: ClassVar[bool] = False
    """Whether its `transform_batch` gives an image several classes."""

    @property
    def edit_stage(self) -> EditStage:
        """When `edit_model` runs among those of other tricks."""
        return EditStage.PLACES

    def conflict(self, other: Trick) -> str | None:
        """Return why a recipe cannot have `other` beside this trick; None where it can."""
        del other
        return None

    def edit_recipe(self, recipe: Recipe) -> Recipe:
        """Return `recipe` with other numbers (`dataclasses.replace`), the same for all that ask.

        What `train` trains, an estimate measures and a fingerprint compares is the result.
        """
        return recipe

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        """Return `model`, edited in place or replaced.

        `example` is a float batch (2, C, H, W) that the model takes. Raises
        `NotApplicable` when there is nothing in the model to edit.
        """
        del example
        return model

    def fit_scaling(self, data: Data) -> Scaling:
        """Return how pixels become the network's numbers, fitted on `data.train` alone."""
        return by_channel(data.mean, data.std)

    def crop_training(self, images: Tensor, pad: int, rng: torch.Generator) -> Tensor:
        """Return training `images` (B, C, H, W), uint8, cropped by draws from `rng`, uint8.

        `pad` is how many pixels a crop may shift images of this data set, 0 for not at all.
        """
        return random_crop(images, pad, rng) if pad else images

    def crop_validation(self, images: Tensor) -> Tensor:
        """Return what of `images` (B, C, H, W), uint8, the network is evaluated on, uint8."""
        return images

    def augment(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Return augmented `images` (B, C, H, W), uint8 in and out. Draws come from `rng`."""
        del rng
        return images

    def resize(self, images: Tensor, progress: float) -> Tensor:
        """Return training `images` (B, C, H, W), float, at their size for `progress`."""
        del progress
        return images

    def transform_batch(
        self, images: Tensor, targets: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return changed `images` (B, C, H, W), float, and `targets` (B, K), rows sum to 1."""
        del rng
        return images, targets

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of `logits` (B, K) against probabilities `targets` (B, K)."""
        return F.cross_entropy(logits, targets)

    def edit_param_groups(self, groups: list[ParamGroup]) -> list[ParamGroup]:
        """Return parameter groups. The first decays, the second (biases, norms) never does."""
        return groups

    def build_optimizer(self, groups: list[ParamGroup]) -> torch.optim.Optimizer:
        """Return an optimizer of `groups` at its base lr, which `lr_factor` multiplies."""
        return torch.optim.SGD(groups, lr=0.1)

    def lr_factor(self, progress: float) -> float:
        """Return what the base lr is multiplied by at `progress` in [0, 1] of training."""
        del progress
        return 1.0

    def weight_decay_factor(self, progress: float) -> float:
        """Return what weight decay is multiplied by at `progress` in [0, 1] of training."""
        del progress
        return 1.0
