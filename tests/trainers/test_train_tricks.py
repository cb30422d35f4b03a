"""Training with tricks that have a part in it from the first step to the last."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch

from darkmagic.trainers.evaluate import evaluate
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.outputs.checkpoint import load_checkpoint
from darkmagic.trainers.prepare.pipeline import Pipeline
from darkmagic.trainers.train import train
from darkmagic.trainers.tricks.optimizer import ScheduleFree
from darkmagic.trainers.tricks.progressive_resizing import ProgressiveResizing
from training import RECIPE, StopsAfter, epochs_of, same, train_in


@pytest.fixture(autouse=True)
def _one_thread() -> None:
    torch.set_num_threads(1)


def test_resized_images_resume_where_they_were(tmp_path: Path) -> None:
    """Sizes go by the step's share of the whole training, not of what is left of it."""
    tricks = {**RECIPE.tricks, "size": ProgressiveResizing(delay=0.2)}
    recipe = dataclasses.replace(RECIPE, tricks=tricks)
    _, weights = train_in(recipe, tmp_path / "whole")

    def stop(_: dict[str, object]) -> None:
        raise StopsAfter

    (tmp_path / "part").mkdir()
    for _ in range(2):
        with pytest.raises(StopsAfter):
            train(recipe, tmp_path / "part", on_event=stop)
    train(recipe, tmp_path / "part")
    checkpoint = load_checkpoint(tmp_path / "part")
    assert checkpoint is not None
    assert same(weights, checkpoint["model"])


def test_schedule_free_is_evaluated_at_its_average(tmp_path: Path) -> None:
    """What is kept and evaluated is x, with batch normalisation's statistics at x."""
    tricks = {"optimizer": ScheduleFree(lr=0.5)}
    recipe = dataclasses.replace(RECIPE, tricks=tricks)
    _, weights = train_in(recipe, tmp_path / "a")
    network = SmallResNet(8, 4, 10, 1)
    network.load_state_dict(weights)
    data, hooks = recipe.dataset.load(0), Hooks(tricks, 0)
    cpu = torch.device("cpu")
    pipeline = Pipeline(recipe, data, hooks, cpu, 1, torch.contiguous_format)
    loss = evaluate(network, pipeline.validation(), cpu, recipe.amp).loss
    assert loss == pytest.approx(epochs_of(tmp_path / "a")[-1]["val_loss"], rel=1e-4)
    mean = torch.stack([network.stem[0](x).mean((0, 2, 3)) for x, _ in pipeline.training_epoch(2)])
    assert torch.allclose(network.stem[1].running_mean, mean.mean(0), atol=1e-5)
