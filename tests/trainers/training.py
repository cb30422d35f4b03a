"""A recipe of seconds, and what its training leaves."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.fingerprint import fingerprint
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.outputs.checkpoint import load_checkpoint
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.augmentation import AutoAugment
from darkmagic.trainers.tricks.lr_regime import Cosine
from darkmagic.trainers.tricks.mixup import Mixup
from darkmagic.trainers.tricks.optimizer import Sgd
from darkmagic.trainers.tricks.weight_decay import WeightDecay

__all__ = [
    "AMP",
    "RECIPE",
    "StopsAfter",
    "changed_parts",
    "epochs_of",
    "make_recipe",
    "resume_in",
    "same",
    "train_in",
    "trained_checkpoint",
]

AMP = os.environ.get("DARKMAGIC_TEST_AMP", "auto")
"""The precision in which the tests train: CI runs those of training a second time in bf16."""


class StopsAfter(Exception):  # noqa: N818
    """Stands for whatever interrupts a run between epochs."""


RECIPE = Recipe(
    dataset=Shapes(count=200),
    build=partial(SmallResNet, depth=8, width=4),
    tricks={
        "lr_regime": Cosine(),
        "optimizer": Sgd(lr=0.05, nesterov=True),
        "augmentation": AutoAugment(),
        "mixup": Mixup(),
        "weight_decay": WeightDecay(1e-3),
    },
    epochs=3,
    batch_size=32,
    device="cpu",
    checkpoint_seconds=0,
    amp=AMP,
)


def make_recipe(epochs: int = 2, **tricks: Trick) -> Recipe:
    """Return a recipe of `tricks` alone, seven steps an epoch."""
    build = partial(SmallResNet, depth=8, width=4)
    return Recipe(
        Shapes(count=200),
        build,
        tricks,
        epochs=epochs,
        batch_size=20,
        device="cpu",
        checkpoint_seconds=0,
    )


def trained_checkpoint(recipe: Recipe, directory: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """Train on one thread in a new `directory`; return the result and the checkpoint."""
    torch.set_num_threads(1)
    directory.mkdir(exist_ok=True)
    result = train(recipe, directory)
    checkpoint = load_checkpoint(directory)
    assert checkpoint is not None
    return result.as_dict(), checkpoint


def changed_parts(trick: Trick) -> set[str]:
    """Return the parts of a recipe's fingerprint that `trick` changes."""
    plain = make_recipe(epochs=4)
    data = plain.dataset.load(0)
    ours, theirs = fingerprint(plain, data), fingerprint(make_recipe(4, trick=trick), data)
    return {part for part in ours if ours[part] != theirs[part]}


def resume_in(recipe: Recipe, directory: Path, *, after: int) -> dict[str, Any]:
    """Interrupt training after epoch `after`, go on, and return the checkpoint at the end."""
    directory.mkdir()

    def stop(event: dict[str, object]) -> None:
        if event["epoch"] == after:
            raise StopsAfter

    torch.set_num_threads(1)
    with pytest.raises(StopsAfter):
        train(recipe, directory, on_event=stop)
    return trained_checkpoint(recipe, directory)[1]


def train_in(recipe: Recipe, directory: Path) -> tuple[dict[str, object], dict[str, torch.Tensor]]:
    directory.mkdir()
    result = train(recipe, directory).as_dict()
    checkpoint = load_checkpoint(directory)
    assert checkpoint is not None
    return result, checkpoint["model"]


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(a[key], b[key]) for key in a | b)


def epochs_of(directory: Path) -> list[dict[str, object]]:
    lines = (directory / "events.jsonl").read_text().splitlines()
    return [event for event in map(json.loads, lines) if event["type"] == "epoch"]
