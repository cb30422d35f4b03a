"""Pipelines over smooth random images, and a network that takes one size."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from darkmagic.trainers.data.assembly.assemble import assemble
from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.prepare.pipeline import Pipeline
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.trick import NotApplicable, Trick

__all__ = ["all_images", "assert_needs_a_pooled_network", "make_data", "make_pipeline"]

CPU = torch.device("cpu")
EXAMPLE = torch.randn(2, 3, 16, 16, generator=generator(0, "example"))


def make_data(count: int = 200, size: int = 16, channels: int = 3) -> Data:
    """Return data of smooth random images of four classes, the same in every split."""
    rng = generator(0, "data")
    coarse = torch.rand(count, channels, size // 4, size // 4, generator=rng)
    images = (nn.functional.interpolate(coarse, (size, size)) * 200).to(torch.uint8)
    images += torch.randint(0, 50, images.shape, generator=rng, dtype=torch.uint8)
    split = Split(images, torch.arange(count) % 4)
    return assemble(split, split, split, list("abcd"), flip=True, pad=2)


def make_pipeline(data: Data, epochs: int = 4, **tricks: Trick) -> Pipeline:
    """Return a pipeline of `data` in batches of 50."""
    recipe = Recipe(Shapes(), partial(SmallResNet), tricks, epochs=epochs, batch_size=50)
    return Pipeline(recipe, data, Hooks(tricks, 0), CPU, data.channels, torch.contiguous_format)


def all_images(batches: Iterator[tuple[Tensor, Tensor]]) -> Tensor:
    """Return the images of all `batches`."""
    return torch.cat([images for images, _ in batches])


class _Flat(nn.Module):
    """Takes 16 x 16 and nothing else."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(3 * 16 * 16, 4)

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.head(images.flatten(1))
        return logits


def assert_needs_a_pooled_network(trick: Trick, size: str) -> None:
    """Assert that `trick` refuses a network of 16 x 16 only, naming `size`, and no pooled one."""
    with pytest.raises(NotApplicable, match=f"images of 16x16 and takes none of {size}"):
        trick.edit_model(_Flat(), EXAMPLE)
    network = SmallResNet(8, 4, 10, 3)
    before = {name: value.clone() for name, value in network.state_dict().items()}
    assert trick.edit_model(network, EXAMPLE) is network
    assert all(torch.equal(value, before[name]) for name, value in network.state_dict().items())
