"""Builds any network from a factory, given what the factory accepts."""

from __future__ import annotations

import inspect
from collections.abc import Callable

import torch
from torch import nn

__all__ = ["build_network", "input_channels"]


def build_network(
    factory: Callable[..., nn.Module],
    *,
    num_classes: int,
    in_channels: int,
    image_size: tuple[int, int],
) -> nn.Module:
    """Call `factory` with those of the keyword arguments that its signature names.

    Raises `ValueError` where the logits come out in another shape than (B, num_classes).
    """
    offered = {"num_classes": num_classes, "in_channels": in_channels, "image_size": image_size}
    accepted = inspect.signature(factory).parameters
    network = factory(**{name: value for name, value in offered.items() if name in accepted})
    channels = input_channels(network) or in_channels
    was_training = network.training
    with torch.no_grad():
        logits = network.eval()(torch.zeros(2, channels, *image_size))
    network.train(was_training)
    if not isinstance(logits, torch.Tensor) or logits.shape != (2, num_classes):
        shape = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise ValueError(
            f"the model gives {shape} for two images, and the data have {num_classes} classes: "
            "let its factory take num_classes, or set its number of classes in model.build"
        )
    return network


def input_channels(network: nn.Module) -> int | None:
    """Return how many channels the first convolution takes; None without one."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            return module.in_channels
    return None
