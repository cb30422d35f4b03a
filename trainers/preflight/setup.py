"""The input of the checks: a trial's data, network and batches, made once for all of them."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor, nn

from darkmagic.trainers.data.base import Data
from darkmagic.trainers.data.splits.select import read, spread
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.metrics.plain import guess_loss
from darkmagic.trainers.models.build import input_channels
from darkmagic.trainers.prepare.edit_recipe import edit_recipe
from darkmagic.trainers.prepare.network import make_network
from darkmagic.trainers.prepare.pipeline import Pipeline
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.runtime.device import pick_device
from darkmagic.trainers.runtime.memory_format import pick_memory_format
from darkmagic.trainers.trick import Trick

__all__ = ["Setup"]

CHANGING_HOOKS = ("augment", "transform_batch", "crop_training", "resize")
"""Hooks that change what a training image shows, or its one class."""


@dataclass(frozen=True, eq=False)
class Setup:
    """One trial before its first step. Checks train copies: they do not see each other."""

    recipe: Recipe
    data: Data
    device: torch.device
    untrained: nn.Module  # on the device; never trained
    memory_format: torch.memory_format
    pretrained: bool  # some weights were learnt before
    edits: Mapping[str, str] = field(default_factory=dict)  # what each trick did to the network

    @classmethod
    def prepare(cls, recipe: Recipe, data: Data) -> Setup:
        """Build the network as training would. `data` is the recipe's own, loaded."""
        recipe = edit_recipe(recipe, data)
        device = pick_device(recipe.device)
        hooks = Hooks(recipe.tricks, recipe.seed, recipe.optional, data)
        network = make_network(recipe, data, hooks)
        pretrained = hooks.pretrained_share(network) is not None or _asks_for_weights(recipe)
        memory_format = pick_memory_format(network, device, channels_last=recipe.channels_last)
        network = network.to(device=device, memory_format=memory_format)  # type: ignore[call-overload]
        return cls(recipe, data, device, network, memory_format, pretrained, dict(hooks.edits))

    @property
    def guess(self) -> float:
        """The plain loss of a network that knows nothing, in nats."""
        return guess_loss(len(self.data.classes), multilabel=self.data.multilabel)

    def network(self) -> nn.Module:
        """Return a copy of the untrained network, in train mode."""
        return copy.deepcopy(self.untrained).train()

    def hooks(self, *, without: Sequence[str] = ()) -> Hooks:
        """Return the trial's tricks, none of whose draws are made yet.

        Those that give a hook of `without` are left out.
        """
        kept = {
            name: trick
            for name, trick in self.recipe.tricks.items()
            if all(getattr(type(trick), hook) is getattr(Trick, hook) for hook in without)
        }
        return Hooks(kept, self.recipe.seed, self.recipe.optional, self.data)

    def pipeline(self, hooks: Hooks | None = None, data: Data | None = None) -> Pipeline:
        """Return the trial's pipeline, or one over other hooks or data."""
        data = data or self.data
        channels = input_channels(self.untrained) or data.channels
        return Pipeline(
            self.recipe, data, hooks or self.hooks(), self.device, channels, self.memory_format
        )

    def training_batches(self, hooks: Hooks) -> Iterator[tuple[Tensor, Tensor]]:
        """Return training batches as `hooks` make them, epoch after epoch without end."""
        return self.pipeline(hooks).endless()

    def fixed_batch(self, count: int) -> tuple[Tensor, Tensor]:
        """Return at most `count` training images (B, C, H, W), normalised but not augmented,
        and their classes (B,), evenly spread over the split.
        """
        chosen = read(self.data.train, spread(len(self.data.train), count))
        batches = self.pipeline(data=dataclasses.replace(self.data, val=chosen)).validation()
        images, classes = next(iter(batches))
        return images, classes

    def quiet_hooks(self) -> Hooks:
        """Return the tricks that do not change batches: neither images nor their classes."""
        return self.hooks(without=CHANGING_HOOKS)


def _asks_for_weights(recipe: Recipe) -> bool:
    """Whether the factory itself loads weights, as timm's and torchvision's can."""
    keywords = getattr(recipe.build, "keywords", {})
    return bool(keywords.get("pretrained") or keywords.get("weights"))
