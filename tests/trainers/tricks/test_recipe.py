"""Tricks that change a number of the recipe: what they make of it, and who sees it."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import torch

from darkmagic.trainers.data.shapes import Shapes
from darkmagic.trainers.fingerprint import fingerprint
from darkmagic.trainers.hooks import Hooks, edit_recipe
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.outputs.checkpoint import load_checkpoint
from darkmagic.trainers.prepare.pipeline import Pipeline
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.batch_size import BatchSize
from darkmagic.trainers.tricks.early_stopping import EarlyStopping, has_stalled
from darkmagic.trainers.tricks.ema import Ema
from darkmagic.trainers.tricks.gradient_clipping import GradientClipping
from darkmagic.trainers.tricks.norm_weight_decay import NormWeightDecay
from darkmagic.trainers.tricks.optimizer import Sgd
from darkmagic.trainers.tricks.shuffle import Shuffle
from darkmagic.trainers.tricks.weight_decay import WeightDecay

CPU = torch.device("cpu")


def _recipe(epochs: int = 2, **tricks: Trick) -> Recipe:
    build = partial(SmallResNet, depth=8, width=4)
    return Recipe(Shapes(count=200), build, tricks, epochs=epochs, batch_size=20, device="cpu")


def _train(recipe: Recipe, directory: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    torch.set_num_threads(1)
    directory.mkdir()
    result = train(recipe, directory)
    checkpoint = load_checkpoint(directory)
    assert checkpoint is not None
    return result.as_dict(), checkpoint


@pytest.mark.parametrize(("factor", "batch"), [(0.25, 5), (4, 80), (16, 320), (0.01, 1)])
def test_batch_and_rate_scale_alike(factor: float, batch: int) -> None:
    """By the sizes as rounded; unscaled, the rate stays."""
    recipe = edit_recipe(_recipe(batch=BatchSize(factor)))
    assert (recipe.batch_size, recipe.lr_scale) == (batch, batch / 20)
    recipe = edit_recipe(_recipe(batch=BatchSize(factor, scale_lr=False)))
    assert (recipe.batch_size, recipe.lr_scale) == (batch, 1)


def test_a_larger_rate_is_warmed_up() -> None:
    """Goyal et al.: from the unscaled rate to k times it, in a line; smaller ones need none."""
    tricks = {"batch": BatchSize(4, warmup=0.2), "optimizer": Sgd(lr=0.1)}
    recipe = edit_recipe(_recipe(**tricks))
    hooks = Hooks(tricks, 0)
    optimizer = hooks.build_optimizer(SmallResNet(8, 4, 10, 1), recipe.lr_scale)
    rates = []
    for progress in (0, 0.1, 0.2, 1):
        hooks.schedule(optimizer, progress)
        rates.append(optimizer.param_groups[0]["lr"])
    assert rates == pytest.approx([0.1, 0.25, 0.4, 0.4])
    assert BatchSize(0.25).lr_factor(0) == BatchSize(4, scale_lr=False).lr_factor(0) == 1


def test_training_takes_the_edited_batch(tmp_path: Path) -> None:
    """A quarter of the steps, at the scaled rate; a batch beyond the split is the split."""
    recipe = _recipe(batch=BatchSize(3), optimizer=Sgd(lr=0.05))
    _, checkpoint = _train(recipe, tmp_path / "a")
    assert [event["steps"] for event in checkpoint["history"]] == [2, 2]
    assert checkpoint["history"][-1]["lr"] == pytest.approx(0.15)
    _, checkpoint = _train(_recipe(batch=BatchSize(16)), tmp_path / "b")
    assert [event["steps"] for event in checkpoint["history"]] == [1, 1]


@pytest.mark.parametrize(
    "trick",
    [
        BatchSize(4),
        BatchSize(4, scale_lr=False),
        Shuffle("once"),
        Ema(),
        EarlyStopping(),
        GradientClipping(),
    ],
    ids=lambda trick: type(trick).__name__,
)
def test_fingerprints_see_the_edit(trick: Trick) -> None:
    """Also where nothing shows in the first batches; an edit to the same numbers is none."""
    plain = _recipe(epochs=4)
    data = plain.dataset.load(0)
    ours = fingerprint(plain, data)
    assert fingerprint(_recipe(epochs=4, trick=trick), data)["numbers"] != ours["numbers"]
    assert fingerprint(_recipe(epochs=4, trick=BatchSize(1)), data) == ours


def test_orders_of_the_epochs() -> None:
    """New every epoch, one for all of them, or the data set's own."""
    orders = {}
    for when in ("every_epoch", "once", "never"):
        recipe = edit_recipe(_recipe(shuffle=Shuffle(when)))
        data = recipe.dataset.load(0)
        pipeline = Pipeline(recipe, data, Hooks({}, 0), CPU, 1, torch.contiguous_format)
        orders[when] = [
            torch.cat([targets.argmax(1) for _, targets in pipeline.training_epoch(epoch)])
            for epoch in range(2)
        ]
    first, second = orders["every_epoch"]
    assert not torch.equal(first, second)
    assert torch.equal(orders["once"][0], first)
    assert torch.equal(orders["once"][1], first)
    own = data.train.targets[: len(first)]
    assert all(torch.equal(order, own) for order in orders["never"])


def test_average_of_a_short_training_forgets_its_start(tmp_path: Path) -> None:
    """Step t weighs by the smaller of `decay` and (1 + t) / (10 + t)."""
    tricks = {"optimizer": Sgd(lr=0.05), "ema": Ema(decay=0.15)}
    weights = []
    for steps in (1, 2, 3):
        recipe = dataclasses.replace(_recipe(**tricks), max_steps=steps)
        _, checkpoint = _train(recipe, tmp_path / str(steps))
        weights.append(checkpoint)
    name = "stem.0.weight"
    _, start = _train(_recipe(optimizer=Sgd(lr=1e-30)), tmp_path / "start")
    average = start["model"][name]
    for checkpoint, decay in zip(weights, [0.1, 0.15, 0.15], strict=True):
        average = decay * average + (1 - decay) * checkpoint["model"][name]
        assert torch.allclose(checkpoint["average"][name], average, atol=1e-6)


@pytest.mark.parametrize(
    ("losses", "patience", "stalled"),
    [
        ([3, 2, 1], 1, False),
        ([3, 2, 2], 1, True),
        ([3, 1, 2, 2], 3, False),
        ([3, 1, 2, 2, 2], 3, True),
        ([3, 1, 2, 2, 0.5], 3, False),
        ([1], 1, False),
        ([], 2, False),
        ([1, 2, 3], None, False),
    ],
)
def test_stalled_is_by_the_best_so_far(
    losses: list[float], patience: int | None, stalled: bool
) -> None:
    """No epoch of the last `patience` beats all before them."""
    assert has_stalled(losses, patience) is stalled


class _Stop(Exception):  # noqa: N818
    """Stands for whatever interrupts a run."""


def test_stopping_early(tmp_path: Path) -> None:
    """The last network is evaluated, with the same epochs as in the whole training; finding it
    stopped is enough to be done.
    """
    frozen = {"optimizer": Sgd(lr=1e-12), "stop": EarlyStopping(patience=2)}
    recipe = _recipe(epochs=8, **frozen)
    result, checkpoint = _train(recipe, tmp_path / "a")
    losses = [event["val_loss"] for event in checkpoint["history"]]
    assert 3 <= result["epochs"] == len(losses) < 8
    assert has_stalled(losses, 2)
    assert not has_stalled(losses[:-1], 2)
    assert result["status"] == "finished"
    assert result["reason"] == f"stopped early, after epoch {len(losses)} of 8"
    assert result["val_loss"] == losses[-1]
    again = train(recipe, tmp_path / "a")
    assert again.epochs == len(losses)
    assert again.reason == result["reason"]


def test_clipping_by_trick_is_clipping_by_number(tmp_path: Path) -> None:
    """The same weights, and other ones than without."""
    _, tricked = _train(_recipe(clip=GradientClipping(0.1)), tmp_path / "a")
    _, numbered = _train(dataclasses.replace(_recipe(), clip_grad_norm=0.1), tmp_path / "b")
    _, free = _train(_recipe(), tmp_path / "c")
    name = "head.weight"
    assert torch.equal(tricked["model"][name], numbered["model"][name])
    assert not torch.equal(tricked["model"][name], free["model"][name])


@pytest.mark.parametrize("first", [True, False])
def test_norms_decay_in_either_order(first: bool) -> None:
    """Before weight_decay in the configuration or after it."""
    norms, decay = {"norms": NormWeightDecay()}, {"decay": WeightDecay(0.5)}
    tricks: dict[str, Trick] = {**norms, **decay} if first else {**decay, **norms}
    network = SmallResNet(8, 4, 10, 1)
    optimizer = Hooks(tricks, 0).build_optimizer(network)
    decayed = [p for g in optimizer.param_groups if g["weight_decay"] == 0.5 for p in g["params"]]
    assert {id(p) for p in decayed} == {id(p) for p in network.parameters()}


def test_norms_decay_shrinks_scales() -> None:
    """With no gradient but decay, every parameter shrinks, those of norms too."""
    network = SmallResNet(8, 4, 10, 1)
    before = copy.deepcopy(network.state_dict())
    tricks = {"norms": NormWeightDecay(), "decay": WeightDecay(0.5), "sgd": Sgd(lr=0.1)}
    optimizer = Hooks(tricks, 0).build_optimizer(network)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in network.named_parameters():
        assert torch.allclose(parameter, before[name] * 0.95), name


@pytest.mark.parametrize(
    "make",
    [
        lambda: BatchSize(factor=0),
        lambda: BatchSize(warmup=1),
        lambda: EarlyStopping(patience=0),
        lambda: Ema(decay=1),
        lambda: GradientClipping(max_norm=0),
        lambda: edit_recipe(_recipe(shuffle=Shuffle("sometimes"))),
        lambda: dataclasses.replace(_recipe(), lr_scale=0),
        lambda: dataclasses.replace(_recipe(), clip_grad_norm=-1),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match=r"need|choose from"):
        make()
