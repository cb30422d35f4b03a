"""A recipe of seconds, and what its training leaves."""

from __future__ import annotations

import json
import os
from functools import partial
from pathlib import Path

import torch

from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.outputs.checkpoint import load_checkpoint
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.train import train
from darkmagic.trainers.tricks.augmentation import AutoAugment
from darkmagic.trainers.tricks.lr_regime import Cosine
from darkmagic.trainers.tricks.mixup import Mixup
from darkmagic.trainers.tricks.optimizer import Sgd
from darkmagic.trainers.tricks.weight_decay import WeightDecay

__all__ = ["AMP", "RECIPE", "StopsAfter", "epochs_of", "same", "train_in"]

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
    amp=AMP,
)


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
