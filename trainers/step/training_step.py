"""One training step: forward, backward, update."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.runtime.device import autocast

__all__ = ["training_step", "use_average"]


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
