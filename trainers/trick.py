"""The base of every trick, which is itself the trick that does nothing.

The whole life of a trial, in order; what is called by a hook's name is that hook:

    for each pair of tricks: conflict(other)                      # a reason refuses the recipe
    recipe = edit_recipe(recipe)                                  # chains
    model = edit_model(model, example)                            # chains, by edit_stage
    share = pretrained_share(model)                               # one
    optimizer = build_optimizer(edit_param_groups(groups))        # one; chains, by edit_stage
    scaling, weights = fit_scaling(data), class_weights(data)     # one
    mean = copy of model, if a trick has average                  # one

    for epoch in range(epochs):
        if should_stop(history): break                            # any
        order = epoch_order(epoch, seed), image_repeats(), image_chances(data)  # one of each
        for images, classes in batches(order):
            images = flip(crop_training(images, pad, rng))        # one
            images = scaling(augment(images, rng))                # chains
            images = resize(images, progress)                     # chains
            images, targets = transform_batch(images, targets, rng)  # chains
            lr, weight_decay *= lr_factor(progress), weight_decay_factor(progress)  # multiply
            optimizer.step(closure)                               # SAM calls it twice, where it is:
                total = weights * loss(logits, targets)           # one
                total += extra_loss(model, targets, loss)         # add
                total.backward()
                transform_gradients(parameters)                   # chains
            mean.lerp_(model, average(step, steps, epoch_steps))  # one
        history += evaluate(mean or model, crop_validation(images))  # one

    model = finish_model(model)                                   # chains

"One" says that at most one trick of a trial may give the hook: two are refused. What chains does
so in the recipe's order, a sweep's by name (with a stage: by stage, and within one so).

A trick overrides one or two of these. Its fields are hyper-parameters and never change, and what
moves over training is a function of progress in [0, 1] or of the step, so a resumed trial needs
nothing from it. What an average keeps is a module beside the network, which the checkpoint has.

A captured CUDA graph repeats a step's kernels. Of the hooks inside a step, `loss`, `extra_loss`
and `transform_gradients` are captured, so they are to be kernels alone: one that waits for the
device is found out and the trial steps eagerly; one that takes numbers of the host says so
(`host_gradients`). An average's weight, the rates and weight decay are written to tensors.

What no hook carries: how the optimizer's own average is switched on (`eval` and `train`, as
schedule-free optimizers do), the flip, which is the data set's, and which norms keep statistics.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from enum import IntEnum
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.augment.geometry import random_crop
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.prepare import Scaling, by_channel
from darkmagic.trainers.errors import Conflict, NotApplicable, TrialSkipped
from darkmagic.trainers.fields import check_fields
from darkmagic.trainers.runtime.randomness import generator

if TYPE_CHECKING:  # which has tricks itself
    from darkmagic.trainers.recipe import Recipe

__all__ = ["Conflict", "EditStage", "NotApplicable", "ParamGroup", "TrialSkipped", "Trick"]

ParamGroup = dict[str, Any]
"""An optimizer's parameter group: `params`, `names`, `weight_decay`, and what tricks add.

`lr_scale`, where there is one, multiplies the group's lr throughout.
"""


class EditStage(IntEnum):
    """When a trick edits the network; within a stage, in the order of the recipe.

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
    loss_of_labels: ClassVar[bool] = False
    """Whether its `loss` asks of each class by itself: an image may have several."""
    mixes_targets: ClassVar[bool] = False
    """Whether its `transform_batch` gives an image several classes."""
    host_gradients: ClassVar[bool] = False
    """Whether its `transform_gradients` takes numbers of the host, which a graph would repeat."""
    averages_statistics: ClassVar[bool] = True
    """Whether its `average` takes batch norm's running statistics as it takes weights; if not,
    they are computed anew at the average before that is evaluated."""
    returns_average: ClassVar[bool] = False
    """Whether the trained weights become the average wherever that moves, as in Lookahead."""
    keeps_output: ClassVar[bool] = False
    """Whether the network computes at the start what it did before `edit_model`: held to."""
    constraints: ClassVar[tuple[str, ...]] = ()
    """What must hold between its declared fields, e.g. `delay + finish < 1`."""

    def __post_init__(self) -> None:
        """Hold declared fields to their ranges. Raises `ValueError`, one line."""
        check_fields(self)

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

        It is what `train` trains, an estimate measures and a fingerprint compares.
        """
        return recipe

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        """Return `model`, edited in place or replaced.

        `example` is a float batch (2, C, H, W) that the model takes. Raises
        `NotApplicable` when there is nothing in the model to edit.
        """
        del example
        return model

    def pretrained_share(self, model: nn.Module) -> float | None:
        """Return which share of the pretrained tensors it loaded `model` uses, in [0, 1].

        Called once, after all edits. None where it loaded none.
        """
        del model
        return None

    def finish_model(self, model: nn.Module) -> nn.Module:
        """Return trained `model`, edited in place, without what only training needs."""
        return model

    def fit_scaling(self, data: Data) -> Scaling:
        """Return how pixels become the network's numbers, fitted on `data.train` alone."""
        return by_channel(data.mean, data.std)

    def epoch_order(self, epoch: int, seed: int) -> torch.Generator | None:
        """Return what draws the order of `epoch` (from 0); None for the data set's own order.

        It depends on its arguments alone. By default every epoch has a new order.
        """
        return generator(seed, "shuffle", epoch)

    def image_repeats(self) -> int:
        """Return how often each image comes in a row; an epoch then has a part of the images."""
        return 1

    def image_chances(self, data: Data) -> Tensor | None:
        """Return how likely each training image (N,) is to be drawn; None for once an epoch."""
        del data
        return None

    def class_weights(self, data: Data) -> Tensor | None:
        """Return what the loss of an image of each class counts (K,); None where all count 1."""
        del data
        return None

    def crop_training(self, images: Tensor, pad: int, rng: torch.Generator) -> Tensor:
        """Return training `images` (B, C, H, W), uint8, cropped by draws from `rng`, uint8.

        `pad` is how many pixels a crop may shift images of this data set, 0 for not at all.
        """
        return random_crop(images, pad, rng)

    def crop_validation(self, images: Tensor) -> Tensor:
        """Return what of `images` (B, C, H, W), uint8, the network is evaluated on, uint8."""
        return images

    def augment(self, images: Tensor, rng: torch.Generator) -> Tensor:
        """Return augmented `images` (B, C, H, W), uint8 in and out. Draws come from `rng`.

        Where each image has draws of its own, derive from `DrawnAugmentation` instead: several
        batches are then augmented at once.
        """
        del rng
        return images

    def resize(self, images: Tensor, progress: float) -> Tensor:
        """Return training `images` (B, C, H, W), float, at their size for `progress`."""
        del progress
        return images

    def transform_batch(
        self, images: Tensor, targets: Tensor, rng: torch.Generator
    ) -> tuple[Tensor, Tensor]:
        """Return changed `images` (B, C, H, W), float, and `targets` (B, K), in [0, 1]."""
        del rng
        return images, targets

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the mean loss of `logits` (B, K) against probabilities `targets` (B, K)."""
        return F.cross_entropy(logits, targets)

    def extra_loss(
        self, model: nn.Module, targets: Tensor, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor | None:
        """Return a term (0-d) to add to the loss, from what the forward pass left in `model`.

        `loss` is the recipe's, of logits (B, K) and probabilities `targets` (B, K). None for no
        term.
        """
        del model, targets, loss
        return None

    def transform_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        """Change in place the gradients of `parameters`, each of which has one.

        Between backward and update, without autograd; weight decay is not in them yet.
        """

    def average(self, step: int, steps: int, epoch_steps: int) -> float:
        """Return how far `step` moves the average towards the weights it made, in [0, 1].

        Steps count from 0; `steps` are those of the whole training and `epoch_steps` those of an
        epoch. The average begins as the initial weights: 1 copies the trained ones, 0 leaves it.
        """
        del step, steps, epoch_steps
        return 1.0

    def should_stop(self, history: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether training ends here. `history` has an event an epoch, one or more."""
        del history
        return False

    def edit_param_groups(self, groups: list[ParamGroup]) -> list[ParamGroup]:
        """Return parameter groups: the first decays, the second never does (see `models/roles`)."""
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
