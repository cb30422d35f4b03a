"""The tricks of one trial as one: factors multiply, edits chain, one loss, one optimizer."""

from __future__ import annotations

import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.prepare import Scaling
from darkmagic.trainers.models.auxiliary import AuxiliaryHead, auxiliary_heads
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.runtime.randomness import derive_seed, generator
from darkmagic.trainers.trick import Conflict, ParamGroup, Trick

__all__ = ["Hooks", "edit_recipe", "refuse_conflicts"]


def refuse_conflicts(tricks: Mapping[str, Trick]) -> None:
    """Raise `Conflict` with the reason where two of `tricks` cannot be had together."""
    for name, trick in tricks.items():
        for other_name, other in tricks.items():
            reason = trick.conflict(other) if other is not trick else None
            if reason is not None:
                raise Conflict(f"{name} conflicts with {other_name}: {reason}")


def edit_recipe(recipe: Recipe) -> Recipe:
    """Return `recipe` as its tricks' `edit_recipe` leave it: call once, before anything else."""
    for trick in recipe.tricks.values():
        recipe = trick.edit_recipe(recipe)
    return recipe


class Hooks:
    """Calls the hooks of several tricks, each with random draws of its own.

    Raises `Conflict` when one trick rules another out, and `ValueError` when two give what only
    one can: a loss, say, or an optimizer.
    """

    def __init__(self, tricks: Mapping[str, Trick], seed: int) -> None:
        refuse_conflicts(tricks)
        self._seed = seed
        self._tricks = dict(tricks)
        self._augment = self._overriding("augment")
        self._transform = self._overriding("transform_batch")
        self._resize = self._overriding("resize")
        schedules = self._overriding("lr_factor")
        self._lr = {n: t for n, t in schedules.items() if t.sole_schedule} or schedules
        self._weight_decay = self._overriding("weight_decay_factor")
        self._loss = self._only("loss")
        self._optimizer = self._only("build_optimizer")
        self._scaling = self._only("fit_scaling")
        self._crop_training = self._only("crop_training")
        self._crop_validation = self._only("crop_validation")
        self._auxiliary: list[AuxiliaryHead] = []
        self._rngs: dict[str, torch.Generator] = {}

    def _overriding(self, hook: str) -> dict[str, Trick]:
        return {
            name: trick
            for name, trick in self._tricks.items()
            if getattr(type(trick), hook) is not getattr(Trick, hook)
        }

    def _staged(self, hook: str) -> dict[str, Trick]:
        """Return the tricks that have `hook` by stage; within one, as configured."""
        found = self._overriding(hook).items()
        return dict(sorted(found, key=lambda item: item[1].edit_stage))

    def _only(self, hook: str) -> Trick:
        found = self._overriding(hook)
        if len(found) > 1:
            raise ValueError(f"tricks {' and '.join(found)} both give {hook}: keep one of them")
        return next(iter(found.values()), Trick())

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        """Apply every edit. New layers' weights do not depend on the other tricks."""
        for name, trick in self._staged("edit_model").items():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive_seed(self._seed, "init", name))
                model = trick.edit_model(model, example)
        self._auxiliary = auxiliary_heads(model)
        return model

    def start_epoch(self, epoch: int) -> None:
        """Give every trick its random draws of `epoch`."""
        self._rngs = {name: generator(self._seed, name, epoch) for name in self._tricks}

    def fit_scaling(self, data: Data) -> Scaling:
        """Return the one scaling."""
        return self._scaling.fit_scaling(data)

    def crop_training(self, images: Tensor, pad: int, rng: torch.Generator) -> Tensor:
        """Crop training images the one way."""
        return self._crop_training.crop_training(images, pad, rng)

    def crop_validation(self, images: Tensor) -> Tensor:
        """Crop validation images the one way."""
        return self._crop_validation.crop_validation(images)

    def augment(self, images: Tensor) -> Tensor:
        """Chain the tricks' `augment`."""
        for name, trick in self._augment.items():
            images = trick.augment(images, self._rngs[name])
        return images

    def resize(self, images: Tensor, progress: float) -> Tensor:
        """Chain the tricks' `resize`."""
        for trick in self._resize.values():
            images = trick.resize(images, progress)
        return images

    def transform_batch(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Chain the tricks' `transform_batch`."""
        for name, trick in self._transform.items():
            images, targets = trick.transform_batch(images, targets, self._rngs[name])
        return images, targets

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the one loss, and that of auxiliary heads which trained on the same batch."""
        loss = self._loss.loss(logits, targets)
        for head in self._auxiliary:
            extra = head.take_logits()
            if extra is not None:
                loss = loss + head.weight * self._loss.loss(extra.float(), targets)
        return loss

    def build_optimizer(self, model: nn.Module, lr_scale: float = 1.0) -> torch.optim.Optimizer:
        """Return the one optimizer, over parameters that decay and ones that do not.

        Its base lr is multiplied by `lr_scale`.
        """
        groups = _param_groups(model)
        for trick in self._staged("edit_param_groups").values():
            groups = trick.edit_param_groups(groups)
        optimizer = self._optimizer.build_optimizer(groups)
        for group in optimizer.param_groups:
            group["base_lr"] = group["lr"] * lr_scale * group.get("lr_scale", 1.0)
            group["base_weight_decay"] = group["weight_decay"]
        return optimizer

    @property
    def step_cost(self) -> str:
        """What, beside the network and the batch, decides how long a step takes."""
        return repr([self._optimizer, *self._resize.values()])

    @property
    def resizes(self) -> bool:
        """Whether training images change their size over training."""
        return bool(self._resize)

    @property
    def decay_moves(self) -> bool:
        """Whether weight decay changes over training."""
        return bool(self._weight_decay)

    def factors(self, progress: float) -> tuple[float, float]:
        """Return the lr and weight decay factors at `progress` in [0, 1]."""
        return (
            math.prod(trick.lr_factor(progress) for trick in self._lr.values()),
            math.prod(t.weight_decay_factor(progress) for t in self._weight_decay.values()),
        )

    def schedule(self, optimizer: torch.optim.Optimizer, progress: float) -> None:
        """Set the lr and weight decay of every group for the step at `progress`."""
        lr, weight_decay = self.factors(progress)
        for group in optimizer.param_groups:
            group["lr"] = group["base_lr"] * lr
            group["weight_decay"] = group["base_weight_decay"] * weight_decay


def _param_groups(model: nn.Module) -> list[ParamGroup]:
    """Return the weights that decay, then biases and norms, which never do.

    One-dimensional parameters are exactly those: biases, and scales of any normalisation.
    """
    trained = [p for p in model.parameters() if p.requires_grad]
    return [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": 0.0},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
