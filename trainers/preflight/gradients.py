"""Whether every layer is trained: its weights are the optimizer's and get a usable gradient."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from darkmagic.trainers.metrics.plain import plain_loss
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.setup import Setup

__all__ = ["check_gradients", "gradient_sizes", "layer_names"]

BATCH_IMAGES = 32  # at most, in the batch that gradients are measured on
GRADIENT_STEPS = 4  # updates; at the first, a branch that starts at zero hides gradients
LEARNING_RATE = 0.01  # of plain SGD, whose steps are small
MIN_RELATIVE_GRADIENT = 1e-6  # of the median layer's gradient, each relative to its weights
MAX_RELATIVE_GRADIENT = 1e3  # times its weights
MAX_UNREACHED, NEGLIGIBLE_SHARE = 0.5, 0.01  # of the weights


def gradient_sizes(
    network: nn.Module, images: Tensor, classes: Tensor
) -> dict[str, tuple[float, float]]:
    """Return, by parameter, the largest norm of its gradient over a few steps, and its own norm.

    A parameter that the loss does not depend on has gradient 0.
    """
    own = {name: float(p.detach().norm()) for name, p in network.named_parameters()}
    sizes = dict.fromkeys(own, 0.0)
    trained = [p for p in network.parameters() if p.requires_grad]
    optimizer = torch.optim.SGD(trained, lr=LEARNING_RATE)
    for _ in range(GRADIENT_STEPS):
        optimizer.zero_grad(set_to_none=True)
        plain_loss(network(images).float(), classes).backward()  # type: ignore[no-untyped-call]
        for name, parameter in network.named_parameters():
            if parameter.grad is not None:
                size = float(parameter.grad.norm())
                sizes[name] = max(sizes[name], size) if math.isfinite(size) else math.nan
        optimizer.step()
    return {name: (sizes[name], own[name]) for name in own}


def layer_names(parameters: Iterable[str], most: int = 3) -> str:
    """Return the layers that `parameters` are of, the first few by name."""
    layers = list(dict.fromkeys(name.rpartition(".")[0] or name for name in parameters))
    more = f" and {len(layers) - most} more" if len(layers) > most else ""
    return ", ".join(layers[:most]) + more


def check_gradients(setup: Setup) -> Finding:
    """Look for frozen layers, and for gradients that vanish, explode or do not arrive."""
    network = setup.network()
    frozen = _frozen(setup, network)
    if frozen:
        return _frozen_finding(frozen, network, pretrained=setup.pretrained)
    images, classes = setup.fixed_batch(min(BATCH_IMAGES, setup.recipe.batch_size))
    torch.manual_seed(0)
    return _judge(gradient_sizes(network, images, classes), network)


def _frozen(setup: Setup, network: nn.Module) -> list[str]:
    """Return the weights of convolutions and linear layers that the optimizer does not move."""
    if not any(p.requires_grad for p in network.parameters()):
        return [name for name, p in network.named_parameters() if p.ndim > 1]
    optimizer = setup.hooks().build_optimizer(network)
    # By their place in memory: an optimizer may see a parameter in another shape.
    moved = {p.data_ptr() for g in optimizer.param_groups if g["lr"] > 0 for p in g["params"]}
    return [
        name for name, p in network.named_parameters() if p.ndim > 1 and p.data_ptr() not in moved
    ]


def _frozen_finding(frozen: Sequence[str], network: nn.Module, *, pretrained: bool) -> Finding:
    count = sum(network.get_parameter(name).numel() for name in frozen)
    share = count / sum(p.numel() for p in network.parameters())
    seen = f"frozen layers, {share:.0%} of the weights: {layer_names(frozen)}"
    figures = {"frozen": list(frozen), "share": share}
    if pretrained:
        advice = "as it should be if only what is new is to be trained"
        return Finding("gradients", Level.WARNING, seen, advice, figures)
    advice = "random weights that never learn: set requires_grad, or give them to the optimizer"
    return Finding("gradients", Level.STOP, seen, advice, figures)


def _judge(sizes: dict[str, tuple[float, float]], network: nn.Module) -> Finding:
    if wild := [name for name, (size, _) in sizes.items() if math.isnan(size)]:
        advice = "look for divisions, logarithms and roots of what may be zero"
        seen = f"gradients are not finite: {layer_names(wild)}"
        return Finding("gradients", Level.STOP, seen, advice, {"not_finite": wild})
    unreached = [name for name, (size, _) in sizes.items() if size == 0]
    if unreached:
        numel = {name: p.numel() for name, p in network.named_parameters()}
        count, total = sum(numel[name] for name in unreached), sum(numel.values())
        share = count / total
        which = f"{layer_names(unreached)} ({count:,} of {total:,} weights)"
        if share < NEGLIGIBLE_SHARE:  # a unit or two that are off, as in a narrow gate
            seen = f"reach all layers but {which}"
            return Finding("gradients", Level.OK, seen, figures={"unreached": unreached})
        level = Level.STOP if share > MAX_UNREACHED else Level.WARNING
        seen = f"none reaches {which}"
        advice = "look for detach, no_grad, dead activations and layers that are not used"
        figures = {"unreached": unreached, "share": share}
        return Finding("gradients", level, seen, advice, figures)
    relative = {
        name: size / own
        for name, (size, own) in sizes.items()
        if own > 0 and network.get_parameter(name).ndim > 1
    }
    values = sorted(relative.values())
    median = values[len(values) // 2]
    figures = {"smallest": values[0], "median": median, "largest": values[-1]}
    seen = f"reach all {len(sizes)} parameters, {values[0]:.1e} to {values[-1]:.1e} of the weights"
    if faint := [
        name for name, value in relative.items() if value < MIN_RELATIVE_GRADIENT * median
    ]:
        advice = "normalisation, shortcuts or another activation let gradients through"
        seen = f"gradients vanish in {layer_names(faint)}: {values[0]:.1e} of the weights"
        return Finding("gradients", Level.WARNING, seen, advice, figures)
    if values[-1] > MAX_RELATIVE_GRADIENT:
        loud = [name for name, value in relative.items() if value > MAX_RELATIVE_GRADIENT]
        advice = "normalisation, smaller initial weights or trick/gradient_clipping=on"
        seen = f"gradients explode in {layer_names(loud)}: {values[-1]:.1e} of the weights"
        return Finding("gradients", Level.WARNING, seen, advice, figures)
    return Finding("gradients", Level.OK, seen, figures=figures)
