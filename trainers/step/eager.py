"""A trial's step: forward, backward, update, and the average of the weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.step.tensor_schedule import TensorSchedule
from darkmagic.trainers.step.training_step import training_step

__all__ = ["EagerStep", "Step", "update_average"]

Step = Callable[[Tensor, Tensor, float | None], Tensor]
"""Takes images, targets and the average's share of the new weights; returns the loss (0-d)."""


@dataclass
class EagerStep:
    """The step of one trial, kernel by kernel.

    `forward` is the network, compiled or not. With a `schedule` rates are read from tensors, so
    that the same step can be captured and gives the same numbers either way.
    """

    network: nn.Module
    forward: nn.Module
    optimizer: torch.optim.Optimizer
    hooks: Hooks
    average: nn.Module | None
    device: torch.device
    amp: str
    clip_grad_norm: float | None
    schedule: TensorSchedule | None = None

    def __call__(self, images: Tensor, targets: Tensor, share: float | None) -> Tensor:
        """Update by one batch; return the loss at the weights before."""
        if self.schedule is None:
            loss = self._train(images, targets)
            if self.average is not None and share is not None:
                update_average(self.average, self.network, share)
            return loss
        self.schedule.write(share)
        return self.run(images, targets)

    def run(self, images: Tensor, targets: Tensor) -> Tensor:
        """Update by one batch with the rates that were written last: kernels alone."""
        assert self.schedule is not None
        with self.schedule.attached():
            loss = self._train(images, targets, self.schedule.decay)
        if self.average is not None:
            update_average(self.average, self.network, self.schedule.share)
        return loss

    def _train(
        self, images: Tensor, targets: Tensor, before_update: Callable[[], None] | None = None
    ) -> Tensor:
        return training_step(
            self.forward,
            self.optimizer,
            self.hooks,
            images,
            targets,
            device=self.device,
            amp=self.amp,
            clip_grad_norm=self.clip_grad_norm,
            before_update=before_update,
        )


@torch.no_grad()
def update_average(average: nn.Module, network: nn.Module, share: float | Tensor) -> None:
    """Move `average` towards `network` by `share`; what does not average (counters) is copied."""
    current = network.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            weight = share.to(value.dtype) if isinstance(share, Tensor) else share
            value.lerp_(current[name], weight)
        else:
            value.copy_(current[name])
