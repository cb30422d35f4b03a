"""Builds any network from a factory, given what the factory accepts."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable, Mapping
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
    output: str | int | None = None,
) -> nn.Module:
    """Return the network that `factory` makes for images (in_channels, *image_size).

    The factory (a class, a function, a partial of one) gets those of the three keyword
    arguments that its signature names and that a partial has not bound. One that takes
    `**kwargs` gets `num_classes` too, as builders like torchvision's hand it on; the other
    two it must name.

    Of a network that gives several outputs, `output` names the logits: a key of a dict, an
    attribute, or the index in a tuple.

    Raises `ValueError` where the network does not take the images, or gives logits of
    another shape than (B, num_classes).
    """
    offered = {"num_classes": num_classes, "in_channels": in_channels, "image_size": image_size}
    network = factory(**_accepted(factory, offered))
    if output is not None:
        network.register_forward_hook(_Choose(output))
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
    if not isinstance(logits, Tensor):
        raise ValueError(  # noqa: TRY004 (of the user's network, not of an argument)
            f"the model gives {_described(logits)} and not logits: name the logits by "
            f"model.output={_example(logits)}"
        )
    if logits.shape != (2, num_classes):
        raise ValueError(
            f"the model gives {tuple(logits.shape)} for two images, and the data have "
            f"{num_classes} classes: let its factory take num_classes, or set its number of "
            "classes in model.build"
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


class _Choose:
    """Hook that gives one of a network's outputs: hooks change no name, and follow copies."""

    def __init__(self, output: str | int) -> None:
        self.output = str(output)

    def __call__(self, network: nn.Module, inputs: Any, result: Any) -> Any:
        del network, inputs
        if isinstance(result, Mapping) and self.output in result:
            return result[self.output]
        if isinstance(result, (list, tuple)) and self.output.isdecimal():
            index = int(self.output)
            if index < len(result):
                return result[index]
        elif not isinstance(result, Tensor) and hasattr(result, self.output):
            return getattr(result, self.output)
        raise ValueError(
            f"model.output={self.output}: the model gives {_described(result)}, which has no such "
            "output"
        )


def _described(result: Any) -> str:
    if isinstance(result, Mapping):
        return f"a {type(result).__name__} of {', '.join(map(str, result))}"
    if isinstance(result, (list, tuple)):
        return f"a {type(result).__name__} of {len(result)}"
    return f"a {type(result).__name__}"


def _example(result: Any) -> str:
    if isinstance(result, Mapping):
        return str(next(iter(result), "NAME"))
    return "0" if isinstance(result, (list, tuple)) else "NAME"
