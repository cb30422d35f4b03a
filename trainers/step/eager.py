"""A trial's step, kernel by kernel: forward, backward, update, and the average of the weights."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.prepare.loss_scale import LossScale
from darkmagic.trainers.runtime.device import autocast
from darkmagic.trainers.step.average import return_average, update_average
from darkmagic.trainers.step.rewind import Rewind
from darkmagic.trainers.step.statistics import frozen_statistics
from darkmagic.trainers.step.tensor_schedule import TensorSchedule

__all__ = ["EagerStep", "Step", "training_step"]

Step = Callable[[Tensor, Tensor, float | None], Tensor]
"""Takes images, targets and how far the average moves, in [0, 1]; returns the loss (0-d)."""


@dataclass
class EagerStep:
    """The step of one trial, kernel by kernel.

    `forward` is the network, compiled or not; `scale` is the loss's, in fp16. With a `schedule`
    rates are read from tensors, so that the same step can be captured and gives the same numbers
    either way.
    """

    network: nn.Module
    forward: nn.Module
    optimizer: torch.optim.Optimizer
    hooks: Hooks
    average: nn.Module | None
    device: torch.device
    amp: str
    schedule: TensorSchedule | None = None
    scale: LossScale | None = None
    pieces: int = 1
    share: float = 1.0  # of the loss, where other processes have other rows of the batch

    def rewind(self) -> Rewind:
        """Return what puts back all that steps change."""
        tensors = [] if self.scale is None else self.scale.tensors
        return Rewind(self.network, self.optimizer, self.average, self.device, tensors)

    def __call__(self, images: Tensor, targets: Tensor, average_weight: float | None) -> Tensor:
        """Update by one batch; return the loss at the weights before."""
        if self.schedule is None:
            loss = self._train(images, targets)
            if average_weight:  # an average that does not move costs nothing
                self._update_average(average_weight)
            return loss
        self.schedule.write(average_weight)
        return self.run(images, targets)

    def run(self, images: Tensor, targets: Tensor) -> Tensor:
        """Update by one batch with the rates that were written last: kernels alone."""
        assert self.schedule is not None
        with self.schedule.attached():
            loss = self._train(images, targets, self.schedule.decay)
        self._update_average(self.schedule.average_weight)
        return loss

    def _update_average(self, weight: float | Tensor) -> None:
        if self.average is None:
            return
        update_average(self.average, self.network, weight)
        if self.hooks.averager is not None and self.hooks.averager.returns_average:
            return_average(self.average, self.network, weight)

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
            before_update=before_update,
            scale=self.scale,
            pieces=self.pieces,
            share=self.share,
        )


def training_step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    hooks: Hooks,
    images: Tensor,
    targets: Tensor,
    *,
    device: torch.device,
    amp: str,
    before_update: Callable[[], None] | None = None,
    scale: LossScale | None = None,
    pieces: int = 1,
    share: float = 1.0,
) -> Tensor:
    """Update `network` by one batch; return the loss (0-d, detached) at the weights before.

    The optimizer gets a closure, by torch's protocol, so that one that needs the gradient
    in several places a step (SAM) works as any other. Only the first call moves the running
    statistics of batch normalisation: later ones are at weights that do not stay.
    `before_update` is called when the gradients are there. With a `scale` gradients are those of
    the scaled loss, and a step where they overflow is left out. The batch goes through the network
    in so many `pieces`, whose gradients add up to the batch's: less memory, and the same step, but
    that batch normalisation sees a piece at a time. The loss is multiplied by `share`.
    """
    size = -(-len(images) // pieces)
    parts = list(zip(torch.split(images, size), torch.split(targets, size), strict=True))
    calls = 0

    def closure() -> Tensor:
        nonlocal calls
        network.zero_grad(set_to_none=True)
        with frozen_statistics(network) if calls else contextlib.nullcontext():
            calls += 1
            losses: list[Tensor] = []
            for some, aims in parts:
                with autocast(device, amp):
                    logits = network(some)
                part = hooks.training_loss(network, logits.float(), aims)
                weight = share * len(some) / len(images)
                if weight != 1:
                    part = part * weight
                (part if scale is None else scale.scaled(part)).backward()  # type: ignore[no-untyped-call]
                losses.append(part.detach())
        if scale is not None:
            scale.unscale(network.parameters())
        hooks.transform_gradients(network.parameters())
        if before_update is not None:
            before_update()
        return losses[0] if len(losses) == 1 else torch.stack(losses).sum()

    if scale is None or scale.decides_there:
        loss: Tensor = optimizer.step(closure)  # type: ignore[assignment, arg-type]
    else:
        loss = closure()
        if not scale.overflowed():
            optimizer.step()
    if scale is not None:
        scale.update()
    return loss
