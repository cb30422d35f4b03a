"""A small set-up that preflight can look at, for the tests of its checks."""

from __future__ import annotations

import dataclasses
from functools import partial

import torch

from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.preflight.setup import Setup
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.tricks.optimizer import Sgd

RECIPE = Recipe(
    Shapes(count=200),
    partial(SmallResNet, depth=8, width=8),
    {"optimizer": Sgd()},
    epochs=2,
    batch_size=32,
    device="cpu",
)


def make_setup(**changes: object) -> Setup:
    """Return the set-up of `RECIPE` after `changes`."""
    recipe = dataclasses.replace(RECIPE, **changes)  # type: ignore[arg-type]
    return Setup.prepare(recipe, recipe.dataset.load(0))


def make_rng() -> torch.Generator:
    """Return a generator that draws the same in every test."""
    return torch.Generator().manual_seed(0)
