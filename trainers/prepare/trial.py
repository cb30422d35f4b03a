"""What one trial trains with, made from its recipe: data, network, optimizer, batches."""

from __future__ import annotations

import copy
from dataclasses import dataclass

import torch
from torch import nn

from darkmagic.trainers.data.assembly.usable import refuse_unusable
from darkmagic.trainers.data.base import Data
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.build import input_channels
from darkmagic.trainers.outputs.result import count_flops
from darkmagic.trainers.prepare.edit_recipe import edit_recipe
from darkmagic.trainers.prepare.load_data import load_data
from darkmagic.trainers.prepare.loss_scale import LossScale
from darkmagic.trainers.prepare.network import example_batch, make_network
from darkmagic.trainers.prepare.pipeline import Pipeline
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.runtime.allocator import keep_freed_memory
from darkmagic.trainers.runtime.device import pick_device, precision
from darkmagic.trainers.runtime.memory import idle_memory_bytes, reset_peak_memory
from darkmagic.trainers.runtime.memory_format import pick_memory_format

__all__ = ["Trial"]


@dataclass(frozen=True, eq=False)
class Trial:
    """A trial before its first step. `recipe` is as its tricks leave it."""

    recipe: Recipe
    data: Data
    hooks: Hooks
    device: torch.device
    network: nn.Module
    optimizer: torch.optim.Optimizer
    average: nn.Module | None  # of the weights, evaluated in their place
    scale: LossScale | None  # of the loss, in half precision
    pipeline: Pipeline
    flops: int
    pretrained_share: float | None

    @classmethod
    def prepare(cls, recipe: Recipe) -> Trial:
        """Load the data and build the rest. Raises `NotApplicable` and `TrialSkipped`, and
        `ValueError` for data that cannot be trained on.
        """
        device = pick_device(recipe.device)
        keep_freed_memory(device)
        idle_memory_bytes()  # the data count as memory of training
        data = load_data(recipe)
        refuse_unusable(data, test=recipe.test_set)
        recipe = edit_recipe(recipe, data)
        reset_peak_memory(device)
        hooks = Hooks(recipe.tricks, recipe.seed, recipe.optional, data)
        network = make_network(recipe, data, hooks)
        flops = count_flops(network, example_batch(network, data))
        share = hooks.pretrained_share(network)

        memory_format = pick_memory_format(network, device, channels_last=recipe.channels_last)
        network = network.to(device=device, memory_format=memory_format)  # type: ignore[call-overload]
        average = copy.deepcopy(network).eval() if hooks.averager is not None else None
        channels = input_channels(network) or data.channels
        optimizer = hooks.build_optimizer(network, recipe.lr_scale)
        half = precision(device, recipe.amp) is torch.float16
        return cls(
            recipe,
            data,
            hooks,
            device,
            network,
            optimizer,
            average,
            LossScale(optimizer, device) if half else None,
            Pipeline(recipe, data, hooks, device, channels, memory_format),
            flops,
            share,
        )
