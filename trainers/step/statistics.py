"""Batch normalisation's running statistics: held for a while, or computed anew."""

from __future__ import annotations

import contextlib
from collections.abc import Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

__all__ = ["frozen_statistics", "recompute_statistics"]


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


@torch.no_grad()
def recompute_statistics(network: nn.Module, batches: Iterable[tuple[Tensor, Tensor]]) -> None:
    """Make running statistics the means over `batches` of images and targets, in train mode.

    As `torch.optim.swa_utils.update_bn` does, but norms that hold theirs (frozen ones, in eval
    mode whatever the network's) keep them. Without batch norm no batch is drawn.
    """
    stale = {m for m in network.modules() if isinstance(m, _BatchNorm)}
    if not stale:
        return
    momenta = {norm: norm.momentum for norm in stale}

    def start_anew(norm: nn.Module, inputs: Any) -> None:
        del inputs
        if norm.training and norm in stale:
            assert isinstance(norm, _BatchNorm)
            stale.remove(norm)
            norm.reset_running_stats()
            norm.momentum = None  # the mean of all batches, each as much

    handles = [norm.register_forward_pre_hook(start_anew) for norm in momenta]
    was_training = network.training
    network.train()
    try:
        for images, _ in batches:
            network(images)
    finally:
        network.train(was_training)
        for handle in handles:
            handle.remove()
        for norm, momentum in momenta.items():
            norm.momentum = momentum
