"""Whether the network trains in train mode, and gives the same answers in eval mode."""

from __future__ import annotations

import copy

import torch
from torch import Tensor, nn

from darkmagic.trainers.metrics.plain import is_right
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.overfit import Fit
from darkmagic.trainers.preflight.setup import Setup

__all__ = ["check_modes", "frozen_norms"]

BATCH_IMAGES = 32  # at most, in the batch that is overfitted
MIN_AGREEMENT = 0.8  # of an overfitted batch, right in eval mode too
TRAIN_PASSES = 3  # over the batch, by which running averages settle


@torch.no_grad()
def frozen_norms(network: nn.Module, images: Tensor) -> list[str]:
    """Return the names of norm layers whose statistics a pass in train mode does not change.

    They are found by behaviour, not by class: torchvision's frozen ones are no `BatchNorm2d`. A
    mean alone would stay where its input is constant, behind a dead layer or on empty images.
    """
    network.train()
    ran: set[nn.Module] = set()
    norms = {
        name: module
        for name, module in network.named_modules()
        if isinstance(getattr(module, "running_mean", None), Tensor)
    }
    before = {name: _statistics(norm) for name, norm in norms.items()}
    hooks = [
        norm.register_forward_hook(lambda module, _in, _out: ran.add(module))
        for norm in norms.values()
    ]
    try:
        network(images)
    finally:
        for hook in hooks:
            hook.remove()
    return [
        name
        for name, norm in norms.items()
        if norm in ran and all(map(torch.equal, before[name], _statistics(norm)))
    ]


def _statistics(norm: nn.Module) -> list[Tensor]:
    """Return copies of what a norm layer averages in train mode."""
    names = ("running_mean", "running_var")
    values = (getattr(norm, name, None) for name in names)
    return [value.clone() for value in values if isinstance(value, Tensor)]


def check_modes(setup: Setup, fit: Fit) -> Finding:
    """Look at batch normalisation in training, and at eval mode after an overfitted batch.

    Running averages get to see the batch a few times first: those that move slowly (momentum
    0.01) are behind after a short fit, which is no fault.
    """
    images, classes = setup.fixed_batch(min(BATCH_IMAGES, setup.recipe.batch_size))
    frozen = frozen_norms(setup.network(), images)
    if frozen:
        names = ", ".join(frozen[:3]) + (" and others" if len(frozen) > 3 else "")
        seen = f"batch normalisation is in eval mode in training: {names}"
        figures = {"frozen": frozen}
        if setup.pretrained:
            advice = "usual for small batches on pretrained weights; else let train() reach it"
            return Finding("modes", Level.WARNING, seen, advice, figures)
        advice = "its averages stay at their first values: let train() reach it"
        return Finding("modes", Level.STOP, seen, advice, figures)

    trained, evaluated = _accuracies(fit.network, images, classes)
    seen = f"of one batch learnt, {trained:.0%} right in train mode, {evaluated:.0%} in eval mode"
    accuracies = {"train": trained, "eval": evaluated}
    if trained >= MIN_AGREEMENT and evaluated < MIN_AGREEMENT * trained:
        advice = "look at layers that differ between the modes: normalisation, dropout, branches"
        return Finding("modes", Level.WARNING, seen, advice, accuracies)
    return Finding("modes", Level.OK, seen, figures=accuracies)


@torch.no_grad()
def _accuracies(network: nn.Module, images: Tensor, classes: Tensor) -> tuple[float, float]:
    network = copy.deepcopy(network).train()
    for module in network.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):  # noqa: SLF001 (their base)
            module.reset_running_stats()
            module.momentum = None  # a plain mean of what it sees
    torch.manual_seed(0)
    for _ in range(TRAIN_PASSES):
        logits = network(images)
    trained = is_right(logits, classes).float().mean().item()
    evaluated = is_right(network.eval()(images), classes).float().mean().item()
    return trained, evaluated
