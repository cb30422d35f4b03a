"""A trial's step, kernel by kernel: forward, backward, update, and the average of the weights."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.runtime.device import autocast
from darkmagic.trainers.step.tensor_schedule import TensorSchedule

__all__ = ["EagerStep", "Step", "training_step", "update_average", "use_average"]

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

    def __call__(self, images: Tensor, targets: Tensor, ema_weight: float | None) -> Tensor:
        """Update by one batch; return the loss at the weights before."""
        if self.schedule is None:
            loss = self._train(images, targets)
            if self.average is not None and ema_weight is not None:
                update_average(self.average, self.network, ema_weight)
            return loss
        self.schedule.write(ema_weight)
        return self.run(images, targets)

    def run(self, images: Tensor, targets: Tensor) -> Tensor:
        """Update by one batch with the rates that were written last: kernels alone."""
        assert self.schedule is not None
        with self.schedule.attached():
            loss = self._train(images, targets, self.schedule.decay)
        if self.average is not None:
            update_average(self.average, self.network, self.schedule.ema_weight)
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
def update_average(average: nn.Module, network: nn.Module, ema_weight: float | Tensor) -> None:
    """Move `average` towards `network` by `ema_weight`; counters are copied."""
    current = network.state_dict()
    for name, value in average.state_dict().items():
        if value.is_floating_point():
            weight = ema_weight.to(value.dtype) if isinstance(ema_weight, Tensor) else ema_weight
            value.lerp_(current[name], weight)
        else:
            value.copy_(current[name])


def training_step(
    network: nn.Module,
    optimizer: torch.optim.Optimizer,
    hooks: Hooks,
    images: Tensor,
    targets: Tensor,
    *,
    device: torch.device,
    amp: str,
    clip_grad_norm: float | None,
    before_update: Callable[[], None] | None = None,
) -> Tensor:
    """Update `network` by one batch; return the loss (0-d, detached) at the weights before.

    The optimizer gets a closure, by torch's protocol, so that one that needs the gradient
    in several places a step (SAM) works as any other. Only the first call moves the running
    statistics of batch normalisation: later ones are at weights that do not stay.
    `before_update` is called when the gradients are there.
    """
    calls = 0

    def closure() -> Tensor:
        nonlocal calls
        network.zero_grad(set_to_none=True)
        with frozen_statistics(network) if calls else contextlib.nullcontext():
            calls += 1
            with autocast(device, amp):
                logits = network(images)
            loss = hooks.loss(logits.float(), targets)
        loss.backward()  # type: ignore[no-untyped-call]
        if clip_grad_norm is not None:
            nn.utils.clip_grad_norm_(network.parameters(), clip_grad_norm)
        if before_update is not None:
            before_update()
        return loss.detach()

    loss: Tensor = optimizer.step(closure)  # type: ignore[assignment, arg-type]
    return loss


@contextlib.contextmanager
def frozen_statistics(network: nn.Module) -> Iterator[None]:
    """Keep batch normalisation's running statistics as they are; batches still use their own."""
    momenta = {m: m.momentum for m in network.modules() if isinstance(m, _BatchNorm)}
    for module in momenta:
        module.momentum = 0.0
    try:
        yield
    finally:
        for module, momentum in momenta.items():
            module.momentum = momentum


def use_average(optimizer: torch.optim.Optimizer, *, averaged: bool) -> bool:
    """Switch an optimizer that keeps an average of the weights to it, or back to training.

    Return whether it keeps one: it then has the methods `eval` and `train`.
    """
    switch = getattr(optimizer, "eval" if averaged else "train", None)
    if switch is None:
        return False
    switch()
    return True
