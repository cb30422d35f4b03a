"""Gradient accumulation: a batch in pieces is the same step, but for batch normalisation."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.outputs.checkpoint import load_checkpoint
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.class_weights import EffectiveNumber
from darkmagic.trainers.tricks.gradient_clipping import GradientClipping
from darkmagic.trainers.tricks.label_smoothing import LabelSmoothing
from darkmagic.trainers.tricks.mixup import Mixup
from darkmagic.trainers.tricks.optimizer import Adam, Sgd


def _plain(num_classes: int, in_channels: int) -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(in_channels, 8, 3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, num_classes),
    )


def _trained(
    folder: Path, pieces: int, tricks: dict[str, Trick], build: object = _plain
) -> tuple[float, torch.Tensor]:
    folder.mkdir()
    recipe = Recipe(
        Shapes(count=100),
        build,  # type: ignore[arg-type]
        tricks,
        epochs=2,
        batch_size=20,
        device="cpu",
        gradient_accumulation=pieces,
    )
    result = train(recipe, folder)
    checkpoint = load_checkpoint(folder)
    assert checkpoint is not None
    assert result.train_loss is not None
    weights = [value.flatten().float() for value in checkpoint["model"].values()]
    return result.train_loss, torch.cat(weights)


RECIPES: dict[str, dict[str, Trick]] = {
    "momentum": {"optimizer": Sgd(lr=0.1, nesterov=True)},
    "mixed and smoothed": {"mixup": Mixup(), "smooth": LabelSmoothing(0.1)},
    "clipped": {"clip": GradientClipping(max_norm=0.1), "optimizer": Adam(lr=0.01)},
    "weighted": {"weights": EffectiveNumber(0.9), "optimizer": Sgd(lr=0.1)},
}


@pytest.mark.parametrize("tricks", list(RECIPES.values()), ids=list(RECIPES))
@pytest.mark.parametrize("pieces", [2, 3, 20])  # 3 is uneven: 7, 7 and 6 images
def test_pieces_give_the_numbers_of_the_whole_batch(
    tmp_path: Path, pieces: int, tricks: dict[str, Trick]
) -> None:
    """Weights and loss, to rounding, whatever the tricks do with batch, loss and gradients."""
    loss, weights = _trained(tmp_path / "whole", 1, tricks)
    same_loss, same = _trained(tmp_path / "pieces", pieces, tricks)
    assert same_loss == pytest.approx(loss, rel=1e-4)
    assert torch.allclose(weights, same, rtol=1e-3, atol=1e-5)


def test_batch_normalisation_sees_a_piece_at_a_time(tmp_path: Path) -> None:
    """So its numbers are others, as the documentation says."""
    build = lambda num_classes, in_channels: SmallResNet(8, 4, num_classes, in_channels)  # noqa: E731
    _, weights = _trained(tmp_path / "whole", 1, {}, build)
    _, others = _trained(tmp_path / "pieces", 4, {}, build)
    assert not torch.allclose(weights, others, rtol=1e-3, atol=1e-5)


def test_more_pieces_than_images_are_refused() -> None:
    """In one line with both numbers."""
    with pytest.raises(ValueError, match="gradient_accumulation=8: a batch has 4 images"):
        Recipe(Shapes(20), _plain, {}, epochs=1, batch_size=4, gradient_accumulation=8)
