"""Batch normalisation's running statistics: held for a while, or computed anew."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Iterable, Iterator

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.prepare.training_state import TrainingState
from darkmagic.trainers.step.average import use_average

__all__ = ["frozen_statistics", "recompute_statistics", "settle_statistics"]


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

    As `torch.optim.swa_utils.update_bn` does, but norms that hold theirs in train mode keep them:
    frozen ones, by a hook, by the network or by a class of their own. They are found by what a
    pass changes. Without batch norm no batch is drawn.
    """
    norms = [m for m in network.modules() if isinstance(m, _BatchNorm) and m.track_running_stats]
    if not norms:
        return
    was_training = network.training
    momenta = {norm: norm.momentum for norm in norms}
    drawn = iter(batches)
    first = next(drawn, None)
    if first is None:
        return
    network.train()
    try:
        moving = _moving(network, norms, first[0])
        for norm in moving:
            norm.reset_running_stats()
            norm.momentum = None  # the mean of all batches, each as much
        if moving:
            for images, _ in itertools.chain([first], drawn):
                network(images)
    finally:
        network.train(was_training)
        for norm, momentum in momenta.items():
            norm.momentum = momentum


def settle_statistics(
    state: TrainingState,
    hooks: Hooks,
    moved: float | None,
    batches: Iterator[tuple[Tensor, Tensor]],
) -> None:
    """Give averaged weights batch statistics of their own, over `batches`, if they need them.

    An average that the last step `moved` all the way is the network, with its statistics.
    """
    if use_average(state.optimizer, averaged=True):
        recompute_statistics(state.network, batches)
        return
    averager, average = hooks.averager, state.average
    if averager is None or average is None or averager.averages_statistics or moved == 1:
        return
    recompute_statistics(average, batches)


def _moving(network: nn.Module, norms: list[_BatchNorm], images: Tensor) -> list[_BatchNorm]:
    """Return those of `norms` whose statistics a pass over `images` moves."""
    before = {norm: _statistics(norm) for norm in norms}
    devices = [images.device] if images.is_cuda else []
    with torch.random.fork_rng(devices=devices):  # dropout draws what it would without this pass
        network(images)
    return [
        norm
        for norm, values in before.items()
        if not all(map(torch.equal, values, _statistics(norm)))
    ]


def _statistics(norm: _BatchNorm) -> list[Tensor]:
    """Return copies of what `norm` averages in train mode."""
    return [v.clone() for v in (norm.running_mean, norm.running_var) if v is not None]
