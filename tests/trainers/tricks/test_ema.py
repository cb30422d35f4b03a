"""ema: the moving average of the weights against its definition."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import nn

from darkmagic.trainers.outputs.checkpoint import load_checkpoint
from darkmagic.trainers.step.average import update_average
from darkmagic.trainers.tricks.ema import Ema
from darkmagic.trainers.tricks.optimizer import Sgd
from training import RECIPE, changed_parts, make_recipe, train_in, trained_checkpoint


def test_average_of_a_short_training_forgets_its_start(tmp_path: Path) -> None:
    """Step t weighs by the smaller of `decay` and (1 + t) / (10 + t)."""
    tricks = {"optimizer": Sgd(lr=0.05), "ema": Ema(decay=0.15)}
    weights = []
    for steps in (1, 2, 3):
        recipe = dataclasses.replace(make_recipe(**tricks), max_steps=steps)
        _, checkpoint = trained_checkpoint(recipe, tmp_path / str(steps))
        weights.append(checkpoint)
    name = "stem.0.weight"
    _, start = trained_checkpoint(make_recipe(optimizer=Sgd(lr=1e-30)), tmp_path / "start")
    average = start["model"][name]
    for checkpoint, decay in zip(weights, [0.1, 0.15, 0.15], strict=True):
        average = decay * average + (1 - decay) * checkpoint["model"][name]
        assert torch.allclose(checkpoint["average"][name], average, atol=1e-6)


def test_average_is_of_the_weights(tmp_path: Path) -> None:
    """After one step from w0 to w1 it is decay * w0 + (1 - decay) * w1."""
    tricks = {**RECIPE.tricks, "ema": Ema(0.9, warmup=False)}
    recipe = dataclasses.replace(RECIPE, tricks=tricks, max_steps=1)
    train_in(recipe, tmp_path / "one")
    checkpoint = load_checkpoint(tmp_path / "one")
    assert checkpoint is not None
    still = dataclasses.replace(recipe, tricks={**RECIPE.tricks, "optimizer": Sgd(lr=1e-30)})
    _, start = train_in(still, tmp_path / "still")
    name = "stem.0.weight"
    expected = 0.9 * start[name] + 0.1 * checkpoint["model"][name]
    assert torch.allclose(checkpoint["average"][name], expected, atol=1e-6)


class Tied(nn.Module):
    """Tensors of several names: a tied weight, a buffer of two names, and a view of a weight."""

    def __init__(self) -> None:
        super().__init__()
        self.one, self.other = nn.Linear(3, 3), nn.Linear(3, 3)
        self.other.weight = self.one.weight
        self.register_buffer("kept", torch.ones(2))
        self.register_buffer("again", self.kept)
        self.register_buffer("view", self.one.bias.detach()[:])
        self.register_buffer("empty", torch.zeros(0))
        self.register_buffer("count", torch.tensor(3))


@pytest.mark.parametrize("weight", [0.1, torch.tensor(0.1), 0.0, 1.0])
def test_tensor_of_several_names_moves_once_a_step(weight: float | torch.Tensor) -> None:
    """A tied weight, a shared buffer or a view moves as every other tensor does."""
    network = Tied()
    average = copy.deepcopy(network)
    start = copy.deepcopy(network.state_dict())
    with torch.no_grad():
        for tensor in {id(t): t for t in network.state_dict(keep_vars=True).values()}.values():
            if tensor is not network.view:
                tensor.add_(1)
    update_average(average, network, weight)
    for name, value in average.state_dict().items():
        moved = float(weight) if value.is_floating_point() else 1
        assert torch.allclose(value, start[name] + moved), name


def test_fingerprint_sees_the_average() -> None:
    """A fingerprint tells the average, which the first steps do not show."""
    assert changed_parts(Ema()) == {"beside_steps"}


@pytest.mark.parametrize(
    "make",
    [
        lambda: Ema(decay=1),
        lambda: Ema(decay=0),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match=r"need|choose from"):
        make()
