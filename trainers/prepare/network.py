"""From a recipe and its data to the network as the tricks leave it."""

from __future__ import annotations

import torch
from torch import nn

from darkmagic.trainers.data.base import Data
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.build import build_network, input_channels
from darkmagic.trainers.models.roles import mark_roles
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.runtime.randomness import derive_seed, generator
from darkmagic.trainers.trick import NotApplicable

__all__ = ["build", "example_batch", "make_network"]


def make_network(recipe: Recipe, data: Data, hooks: Hooks) -> nn.Module:
    """Return the network on the CPU, its weights drawn from the recipe's seed alone.

    The global generator is left as it was. Raises `NotApplicable` or `TrialSkipped` when a
    trick cannot do its work on this network, unless `hooks` can leave it out: then the network
    is as the others leave it.
    """
    while True:
        network = build(recipe, data)
        try:
            network = hooks.edit_model(network, example_batch(network, data))
        except NotApplicable as finding:
            if not hooks.leave_out(finding):
                raise
        else:
            mark_roles(network, example_batch(network, data))
            return network


def build(recipe: Recipe, data: Data) -> nn.Module:
    """Return the network as its author made it, its weights drawn from the recipe's seed."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(derive_seed(recipe.seed, "init"))
        return build_network(
            recipe.build,
            num_classes=len(data.classes),
            in_channels=data.channels,
            image_size=data.size,
            output=recipe.output,
        )


def example_batch(network: nn.Module, data: Data) -> torch.Tensor:
    """Return two noise images (2, C, H, W) of the shape that `network` takes."""
    channels = input_channels(network) or data.channels
    return torch.randn(2, channels, *data.size, generator=generator(0, "example"))
