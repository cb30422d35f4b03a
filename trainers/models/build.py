"""Builds any network from a factory, given what the factory accepts."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn

from darkmagic.trainers.errors import short_message
from darkmagic.trainers.models.graph import evaluating

__all__ = ["build_network", "input_channels"]


def build_network(
    factory: Callable[..., nn.Module],
    *,
    num_classes: int,
    in_channels: int,
    image_size: tuple[int, int],
) -> nn.Module:
    """Return the network that `factory` makes for images (in_channels, *image_size).

    The factory (a class, a function, a partial of one) gets those of the three keyword
    arguments that its signature names and that a partial has not bound. One that takes
    `**kwargs` gets `num_classes` too, as builders like torchvision's hand it on; the other
    two it must name.

    Raises `ValueError` where the network does not take the images, or gives logits of
    another shape than (B, num_classes).
    """
    offered = {"num_classes": num_classes, "in_channels": in_channels, "image_size": image_size}
    network = factory(**_accepted(factory, offered))
    channels = input_channels(network) or in_channels
    if channels != in_channels != 1:
        raise ValueError(
            f"the model takes images of {channels} channels and the data have {in_channels}: "
            "let its factory take in_channels, or set its number of channels in model.build"
        )
    images = torch.zeros(2, channels, *image_size)
    with evaluating(network):
        try:
            logits = network(images)
        except RuntimeError as error:
            raise ValueError(
                f"the model fails on images of shape {tuple(images.shape[1:])} "
                f"({short_message(error)}): choose a model for this size"
            ) from error
    if not isinstance(logits, Tensor) or logits.shape != (2, num_classes):
        found = tuple(logits.shape) if isinstance(logits, Tensor) else type(logits).__name__
        raise ValueError(
            f"the model gives {found} for two images, and the data have {num_classes} classes: "
            "let its factory take num_classes, or set its number of classes in model.build"
        )
    return network


def input_channels(network: nn.Module) -> int | None:
    """Return how many channels the first registered convolution takes; None without one."""
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            return module.in_channels
    return None


def _accepted(factory: Callable[..., nn.Module], offered: dict[str, Any]) -> dict[str, Any]:
    parameters = inspect.signature(factory).parameters
    kinds = {name: parameter.kind for name, parameter in parameters.items()}
    by_name = (inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.KEYWORD_ONLY)
    names = {name for name, kind in kinds.items() if kind in by_name}
    if inspect.Parameter.VAR_KEYWORD in kinds.values():
        names.add("num_classes")
    if isinstance(factory, functools.partial):  # which is flat: a partial of one merges both
        names -= factory.keywords.keys()
    return {name: value for name, value in offered.items() if name in names}
