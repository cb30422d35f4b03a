"""Our own side of `one_trial.py` and `loader.py`: `train`, with a recipe like its peers'."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import torch
from task import (
    CLASSES,
    DEVICE,
    LR,
    MEAN,
    MOMENTUM,
    PAD,
    SIDE,
    STD,
    WEIGHT_DECAY,
    accuracy_of,
    network,
    pictures,
)

from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.outputs.checkpoint import load_checkpoint
from darkmagic.trainers.prepare.pipeline import Pipeline
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.augmentation import AutoAugment
from darkmagic.trainers.tricks.lr_regime import Cosine
from darkmagic.trainers.tricks.optimizer import Sgd
from darkmagic.trainers.tricks.weight_decay import WeightDecay
from harness.serving import serve


@dataclass(frozen=True)
class Pictures:
    """The task's images; 100 more to validate on, as each epoch does."""

    count: int

    def load(self, split_seed: int) -> Data:
        """Return the splits, always the same."""
        del split_seed
        held_out = _split(100, seed=1)
        return Data(
            train=_split(self.count, seed=0),
            val=held_out,
            test=held_out,
            classes=tuple(map(str, range(CLASSES))),
            channels=3,
            size=(SIDE, SIDE),
            mean=MEAN,
            std=STD,
            pad=PAD,
        )


def _split(count: int, seed: int) -> Split:
    images, classes = pictures(count, seed)
    return Split(
        torch.from_numpy(images).permute(0, 3, 1, 2).contiguous(), torch.from_numpy(classes)
    )


def _recipe(depth: int, count: int, batch: int, epochs: int, seed: int, **tricks: Trick) -> Recipe:
    return Recipe(
        dataset=Pictures(count),
        build=partial(SmallResNet, depth=depth),
        tricks={
            "lr_regime": Cosine(),
            "optimizer": Sgd(LR, MOMENTUM, nesterov=True),
            "weight_decay": WeightDecay(WEIGHT_DECAY),
            **tricks,
        },
        epochs=epochs,
        batch_size=batch,
        seed=seed,
        device=DEVICE.type,
        cuda_graphs="auto",
    )


def rate(
    depth: int, count: int, batch: int, augmentation: str, workers: int, channels_last: bool
) -> dict[str, float]:
    """Return images/s of a whole epoch, and how many it trained.

    Of a second epoch, as a trial starts anew each time: the first warms up, and on a GPU captures.
    Loading needs no `workers`, and `channels_last` is the recipe's own choice.
    """
    del workers, channels_last
    tricks = {"augmentation": AutoAugment()} if augmentation == "autoaugment" else {}
    recipe = _recipe(depth, count, batch, epochs=2, seed=0, **tricks)
    events: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory() as folder:
        result = train(recipe, Path(folder), on_event=events.append)
    assert DEVICE.type == "cpu" or result.stepping.startswith("graph"), result.stepping
    return {
        "rate": events[-1]["images_per_second"],
        "images": events[-1]["steps"] * batch,
        "parameters": result.parameters,
        "flops": result.flops,
    }


def step_seconds(
    depth: int, count: int, batch: int, augmentation: str, fixed: bool
) -> dict[str, float]:
    """Return seconds of a step of a second epoch, and those that its loop waited for a batch.

    With `fixed`, every batch is the first one again, made before.
    """
    tricks = {"augmentation": AutoAugment()} if augmentation == "autoaugment" else {}
    events: list[dict[str, Any]] = []
    waited: list[float] = []
    load = Pipeline.training_epoch

    def again(pipeline: Pipeline, epoch: int) -> Iterator[Any]:
        if epoch == 0:
            pipeline.first = next(load(pipeline, epoch))
        yield from repeat(pipeline.first, pipeline.steps_per_epoch)

    def timed(pipeline: Pipeline, epoch: int) -> Iterator[Any]:
        waited.clear()
        batches = again(pipeline, epoch) if fixed else load(pipeline, epoch)
        for _ in range(pipeline.steps_per_epoch):
            started = time.perf_counter()
            made = next(batches)
            waited.append(time.perf_counter() - started)
            yield made

    Pipeline.training_epoch = timed
    try:
        with tempfile.TemporaryDirectory() as folder:
            recipe = _recipe(depth, count, batch, 2, seed=0, **tricks)
            train(recipe, Path(folder), on_event=events.append)
    finally:
        Pipeline.training_epoch = load
    steps = events[-1]["steps"]
    return {"step": events[-1]["seconds"] / steps, "waited": sum(waited) / steps}


def accuracy(depth: int, count: int, batch: int, epochs: int, seed: int) -> float:
    """Return the accuracy on new images after `epochs` of standard augmentation."""
    with tempfile.TemporaryDirectory() as folder:
        train(_recipe(depth, count, batch, epochs, seed), Path(folder))
        checkpoint = load_checkpoint(Path(folder))
    assert checkpoint is not None
    model = network(depth).to(DEVICE)
    model.load_state_dict(checkpoint["model"])
    return accuracy_of(model)


if __name__ == "__main__":
    serve(rate, step_seconds, accuracy)
