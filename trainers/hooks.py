"""The tricks of one trial as one: factors multiply, edits chain, one loss, one optimizer."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from darkmagic.trainers.augment.geometry import crop_batches
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.prepare import Scaling
from darkmagic.trainers.drawn_augmentation import augment_batches
from darkmagic.trainers.joining.conflicts import overrides, refuse_conflicts
from darkmagic.trainers.joining.objective import Objective
from darkmagic.trainers.models.roles import param_groups
from darkmagic.trainers.models.verify import edit_and_verify
from darkmagic.trainers.runtime.randomness import derive_seed, generator
from darkmagic.trainers.trick import NotApplicable, ParamGroup, Trick

__all__ = ["NOT_APPLICABLE", "Hooks", "refuse_conflicts"]

NOT_APPLICABLE = "does not apply: "
"""Before the reason in `Hooks.edits`, of a trick that was left out."""


class Hooks:
    """Calls the hooks of several tricks, each with random draws of its own.

    `averager` is the trick that keeps an average of the weights, which is evaluated in their
    place; None where none does. `edits` says by trick how many places of the network it edits,
    or why it was left out. Raises `Conflict` when one trick rules another out, and
    `ValueError` when two give what only one can: a loss, say, or an optimizer.
    """

    def __init__(
        self,
        tricks: Mapping[str, Trick],
        seed: int,
        optional: Collection[str] = (),
        data: Data | None = None,
    ) -> None:
        """Join `tricks`, of which the `optional` may not apply, for `data`, or any of one label."""
        refuse_conflicts(tricks)
        self._seed = seed
        self._data = data
        self._optional = frozenset(optional)
        self.edits: dict[str, str] = {}
        self._gather(tricks)

    def _gather(self, tricks: Mapping[str, Trick]) -> None:
        self._tricks = dict(tricks)
        self._augment = self._overriding("augment")
        self._transform = self._overriding("transform_batch")
        self._resize = self._overriding("resize")
        lr = self._overriding("lr_factor")
        self._lr = {name: trick for name, trick in lr.items() if trick.sole_schedule} or lr
        self._weight_decay = self._overriding("weight_decay_factor")
        self._loss = Objective.of(self._only("loss"), self._only("class_weights"), self._data)
        self._optimizer = self._only("build_optimizer")
        self._scaling = self._only("fit_scaling")
        self._crop_training = self._only("crop_training")
        self._crop_validation = self._only("crop_validation")
        self._order = self._only("epoch_order")
        self._repeats = self._only("image_repeats")
        self._extra_loss = self._overriding("extra_loss")
        self._gradients = self._overriding("transform_gradients")
        self.averager = next(iter(self._overriding("average").values()), None)
        self._stops = self._overriding("should_stop")
        self.rngs: dict[str, torch.Generator] = {}  # of the tricks' draws in an epoch

    def _overriding(self, hook: str) -> dict[str, Trick]:
        return {name: trick for name, trick in self._tricks.items() if overrides(trick, hook)}

    def _staged(self, hook: str) -> dict[str, Trick]:
        """Return the tricks that have `hook` by stage; within one, as configured."""
        return dict(sorted(self._overriding(hook).items(), key=lambda item: item[1].edit_stage))

    def _only(self, hook: str) -> Trick:
        found = self._overriding(hook)
        if len(found) > 1:
            raise ValueError(f"tricks {' and '.join(found)} both give {hook}: keep one of them")
        return next(iter(found.values()), Trick())

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        """Apply every edit. New layers' weights do not depend on the other tricks.

        How many of the places it found each trick edits is kept in `edits`. Raises
        `NotApplicable` with the trick's name: see `leave_out`.
        """
        for name, trick in self._staged("edit_model").items():
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(derive_seed(self._seed, "init", name))
                try:
                    model, places = edit_and_verify(
                        trick.edit_model, model, example, name, keeps_output=trick.keeps_output
                    )
                except NotApplicable as finding:
                    finding.trick = name
                    raise
            if str(places):
                self.edits[name] = str(places)
        return model

    def leave_out(self, finding: NotApplicable) -> bool:
        """Leave out the trick that does not apply, if it is optional; return whether it was.

        `edits` then has the reason, and the network is to be built anew: an edit may have ended
        half-way.
        """
        name = finding.trick
        if name not in self._optional or name not in self._tricks:
            return False
        self._gather({key: trick for key, trick in self._tricks.items() if key != name})
        self.edits = {
            **{key: edit for key, edit in self.edits.items() if edit.startswith(NOT_APPLICABLE)},
            name: f"{NOT_APPLICABLE}{finding}",
        }
        return True

    def pretrained_share(self, model: nn.Module) -> float | None:
        """Return the share of pretrained tensors in use, in [0, 1]; None where none was loaded."""
        shares = (trick.pretrained_share(model) for trick in self._tricks.values())
        return next((share for share in shares if share is not None), None)

    def finish_model(self, model: nn.Module) -> nn.Module:
        """Return `model`, edited in place, as it is used after training."""
        for trick in self._tricks.values():
            model = trick.finish_model(model)
        return model

    def start_epoch(self, epoch: int) -> None:
        """Give every trick its random draws of `epoch`."""
        self.rngs = {name: generator(self._seed, name, epoch) for name in self._tricks}

    def epoch_order(self, epoch: int) -> torch.Generator | None:
        """Return what draws the order of `epoch`; None for the data set's own."""
        return self._order.epoch_order(epoch, self._seed)

    def image_repeats(self) -> int:
        """Return how often each image comes in a row."""
        return self._repeats.image_repeats()

    def image_chances(self, data: Data) -> Tensor | None:
        """Return how often each training image of `data` is drawn; None for once an epoch."""
        return self._only("image_chances").image_chances(data)

    def should_stop(self, history: Sequence[Mapping[str, Any]]) -> bool:
        """Return whether any trick ends training after the epochs of `history`."""
        return bool(history) and any(trick.should_stop(history) for trick in self._stops.values())

    def fit_scaling(self, data: Data) -> Scaling:
        """Return the one scaling."""
        return self._scaling.fit_scaling(data)

    def crop_training(
        self, images: Tensor, pad: int, rng: torch.Generator, sizes: Sequence[int]
    ) -> Tensor:
        """Crop the training images of batches of `sizes`, joined, the one way."""
        if not overrides(self._crop_training, "crop_training"):
            return crop_batches(images, pad, rng, sizes)
        crop = self._crop_training.crop_training
        return torch.cat([crop(batch, pad, rng) for batch in torch.split(images, list(sizes))])

    def crop_validation(self, images: Tensor) -> Tensor:
        """Crop validation images the one way."""
        return self._crop_validation.crop_validation(images)

    def augment(self, images: Tensor, sizes: Sequence[int]) -> Tensor:
        """Chain the tricks' `augment` on the images of batches of `sizes`, joined."""
        for name, trick in self._augment.items():
            images = augment_batches(trick, images, sizes, self.rngs[name])
        return images

    def resize(self, images: Tensor, progress: float) -> Tensor:
        """Chain the tricks' `resize`."""
        for trick in self._resize.values():
            images = trick.resize(images, progress)
        return images

    def transform_batch(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Chain the tricks' `transform_batch`."""
        for name, trick in self._transform.items():
            images, targets = trick.transform_batch(images, targets, self.rngs[name])
        return images, targets

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the one loss of `logits` (B, K) against `targets` (B, K)."""
        return self._loss(logits, targets)

    def training_loss(self, model: nn.Module, logits: Tensor, targets: Tensor) -> Tensor:
        """Return the one loss and the terms that tricks add, after a forward pass of `model`."""
        loss = self.loss(logits, targets)
        for trick in self._extra_loss.values():
            term = trick.extra_loss(model, targets, self.loss)
            loss = loss if term is None else loss + term
        return loss

    @torch.no_grad()
    def transform_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Chain the tricks' `transform_gradients` over the `parameters` that have a gradient."""
        trained = [parameter for parameter in parameters if parameter.grad is not None]
        for trick in self._gradients.values():
            trick.transform_gradients(trained)

    @property
    def graph_problem(self) -> str | None:
        """Why a step of these tricks cannot be captured as a CUDA graph; None where it can."""
        host = [name for name, trick in self._gradients.items() if trick.host_gradients]
        if host:
            return f"{host[0]} changes gradients by numbers of the host"
        return "images change their size" if self._resize else None

    def average(self, step: int, steps: int, epoch_steps: int) -> float | None:
        """Return how far `step` moves the average, in [0, 1]; None where none is kept."""
        return None if self.averager is None else self.averager.average(step, steps, epoch_steps)

    def build_optimizer(self, model: nn.Module, lr_scale: float = 1.0) -> torch.optim.Optimizer:
        """Return the one optimizer, over parameters that decay and ones that do not.

        Its base lr is multiplied by `lr_scale`.
        """
        groups: list[ParamGroup] = param_groups(model)
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
    def beside_steps(self) -> str:
        """What acts on a training beside what its first steps show: averages, stops, clipping."""
        return repr(
            list({**self._overriding("average"), **self._stops, **self._gradients}.values())
        )

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
