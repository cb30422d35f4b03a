"""Training steps of a trial at any learning rate, a few images at a time."""

from __future__ import annotations

import dataclasses

import torch

from darkmagic.trainers.preflight.setup import Setup
from darkmagic.trainers.step.eager import training_step
from darkmagic.trainers.step.timing import time_steps

__all__ = ["Steps"]

MAX_IMAGES, MIN_IMAGES = 64, 8  # a step: rates need many steps and not large ones


class Steps:
    """Steps of a copy of the trial's network under its loss and its optimizer.

    Images are neither augmented nor mixed, which would add noise to the effect of a rate, and
    gradients are not clipped, which would hide that a rate is too high. `images` of a batch
    are used, a number that may be reduced.
    """

    def __init__(self, setup: Setup) -> None:
        self._device = setup.device
        self._hooks = setup.hooks(without=("transform_gradients",))
        self._network = setup.network()
        self._optimizer = self._hooks.build_optimizer(self._network, setup.recipe.lr_scale)
        size = min(MAX_IMAGES, setup.recipe.batch_size)
        plain = dataclasses.replace(
            setup,
            recipe=dataclasses.replace(setup.recipe, batch_size=size),
            data=dataclasses.replace(setup.data, pad=0, flip=False),
        )
        self._batches = plain.training_batches(setup.quiet_hooks())
        self.images = size
        highest = max(self._hooks.factors(i / 100)[0] for i in range(101))
        self.peak: float = self._optimizer.param_groups[0]["base_lr"] * highest  # of the trial
        torch.manual_seed(0)

    def take(self, rate: float) -> float:
        """Take one step at `rate`, of the first group; return the loss before it, in nats."""
        base = self._optimizer.param_groups[0]["base_lr"]
        for group in self._optimizer.param_groups:
            group["lr"] = group["base_lr"] * rate / base
        images, targets = (part[: self.images] for part in next(self._batches))
        loss = training_step(
            self._network,
            self._optimizer,
            self._hooks,
            images,
            targets,
            device=self._device,
            amp="off",
        )
        return loss.item()

    def afford(self, seconds: float, *, fewest: int, most: int) -> int:
        """Return how many steps take about `seconds`; where `fewest` would take longer, use
        fewer images from now on. Takes two steps, which change nothing, to find out.
        """
        self.take(0.0)
        taken = time_steps(lambda: self.take(0.0), self._device, steps=1).seconds
        affordable = int(self.images * seconds / fewest / taken)
        share = max(min(MIN_IMAGES, self.images), min(self.images, affordable)) / self.images
        self.images = round(share * self.images)
        return max(fewest, min(most, int(seconds / (taken * share))))
