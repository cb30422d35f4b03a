"""One trick's edit of a network, outside of a recipe: checked as a trial's is."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence

import torch
from torch import Tensor, nn

from darkmagic.trainers.models.build import input_channels
from darkmagic.trainers.models.graph import evaluating
from darkmagic.trainers.models.verify import edit_and_verify
from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.trick import Trick

__all__ = ["check_network", "edit", "freeze_tensors", "guess_example"]

SIDES = (32, 64, 224)
"""Of images to try on a network that does not say what it takes."""


def check_network(model: object) -> None:
    """Raise `TypeError` for what is no network that can be edited, such as the class of one."""
    if isinstance(model, nn.Module):
        return
    if isinstance(model, type):
        raise TypeError(f"model is the class {model.__name__}; give a network, {model.__name__}()")
    raise TypeError(f"model is {type(model).__name__}; give a network, a torch.nn.Module")


def edit(model: nn.Module, trick: Trick, example: Tensor | None) -> nn.Module:
    """Return `model` as `trick` edits it, run once in both modes.

    New weights are drawn from torch's global generator. Raises `NotApplicable` where there is
    nothing to edit.
    """
    check_network(model)
    images = guess_example(model) if example is None else example
    name = inspect.getmodule(type(trick)).__name__.rpartition(".")[2]  # type: ignore[union-attr]
    edited, _ = edit_and_verify(
        trick.edit_model, model, images, name, keeps_output=trick.keeps_output
    )
    return edited


def freeze_tensors(
    model: nn.Module,
    choose: Callable[[nn.Module, Tensor], list[nn.Module]],
    freeze: Callable[[list[nn.Module], set[int]], int],
    example: Tensor | None,
) -> nn.Module:
    """Return `model`, of which the modules that `choose` names no longer train."""
    check_network(model)
    images = guess_example(model) if example is None else example
    tensors = {id(tensor) for tensor in [*model.parameters(), *model.buffers()]}
    freeze(choose(model, images), tensors)
    return model


def guess_example(model: nn.Module) -> Tensor:
    """Return two noise images (2, C, H, W) that `model` takes.

    Raises `ValueError` where none of the usual sizes fits.

    >>> guess_example(nn.Sequential(nn.Conv2d(1, 4, 3), nn.Flatten(), nn.Linear(3600, 2))).shape
    torch.Size([2, 1, 32, 32])
    """
    check_network(model)
    first = next(iter(model.parameters()), torch.zeros(()))
    channels = input_channels(model) or 3
    for height, width in [*_own_size(model), *((side, side) for side in SIDES)]:
        images = torch.randn(2, channels, height, width, generator=generator(0, "example"))
        images = images.to(first.device)
        try:
            with evaluating(model):
                model(images)
        except (RuntimeError, AssertionError, ValueError):
            continue
        return images
    raise ValueError(
        f"the {type(model).__name__} takes no images of {channels} channels and side "
        f"{', '.join(map(str, SIDES))}: give example=torch.zeros(2, C, H, W) of what it takes"
    )


def _own_size(model: nn.Module) -> Sequence[tuple[int, int]]:
    """Return the size that timm's and torchvision's networks say they take, if they do."""
    own = getattr(model, "default_cfg", None)
    if isinstance(own, dict) and "input_size" in own:
        return [(int(own["input_size"][1]), int(own["input_size"][2]))]
    side = getattr(model, "image_size", None)
    return [(side, side)] if isinstance(side, int) else []
