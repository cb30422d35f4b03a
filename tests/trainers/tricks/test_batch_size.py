"""batch_size: the batch and the rate that go together, and who sees the edit."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest

from darkmagic.trainers.fingerprint import fingerprint
from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.prepare.edit_recipe import edit_recipe
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.batch_size import BatchSize
from darkmagic.trainers.tricks.optimizer import Sgd
from training import make_recipe, trained_checkpoint

CONTRACT = {"changes": ["numbers"]}


@pytest.mark.parametrize(("factor", "batch"), [(0.25, 5), (4, 80), (16, 320), (0.01, 1)])
def test_batch_and_rate_scale_alike(factor: float, batch: int) -> None:
    """By the sizes as rounded; unscaled, the rate stays."""
    recipe = edit_recipe(make_recipe(batch=BatchSize(factor)))
    assert (recipe.batch_size, recipe.lr_scale) == (batch, batch / 20)
    recipe = edit_recipe(make_recipe(batch=BatchSize(factor, scale_lr=False)))
    assert (recipe.batch_size, recipe.lr_scale) == (batch, 1)


def test_a_larger_rate_is_warmed_up() -> None:
    """Goyal et al.: from the unscaled rate to k times it, in a line; smaller ones need none."""
    tricks = {"batch": BatchSize(4, warmup=0.2), "optimizer": Sgd(lr=0.1)}
    recipe = edit_recipe(make_recipe(**tricks))
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
    recipe = make_recipe(batch=BatchSize(3), optimizer=Sgd(lr=0.05))
    _, checkpoint = trained_checkpoint(recipe, tmp_path / "a")
    assert [event["steps"] for event in checkpoint["history"]] == [2, 2]
    assert checkpoint["history"][-1]["lr"] == pytest.approx(0.15)
    _, checkpoint = trained_checkpoint(make_recipe(batch=BatchSize(16)), tmp_path / "b")
    assert [event["steps"] for event in checkpoint["history"]] == [1, 1]


@pytest.mark.parametrize("factor", [2, 3.5, 16])
@pytest.mark.parametrize("batch_size", [20, 100, 999])
def test_rate_grows_by_as_much_as_the_data_let_the_batch(factor: float, batch_size: int) -> None:
    """A batch that is cut to the training split takes the rate, and its warm-up, of its size."""
    tricks = {"batch": BatchSize(factor), "optimizer": Sgd(lr=0.1)}
    asked = dataclasses.replace(make_recipe(**tricks), batch_size=batch_size)
    data = asked.dataset.load(0)
    images = len(data.train)
    recipe = edit_recipe(asked, data)
    plain = edit_recipe(dataclasses.replace(asked, tricks={}), data)
    assert plain.batch_size == min(batch_size, images)
    assert recipe.batch_size == min(round(plain.batch_size * factor), images)
    grown = recipe.batch_size / plain.batch_size
    assert recipe.lr_scale == pytest.approx(grown)
    assert Hooks(recipe.tricks, 0).factors(0)[0] == pytest.approx(1 / grown)


@pytest.mark.parametrize("trick", [BatchSize(4), BatchSize(4, scale_lr=False)], ids=repr)
def test_fingerprints_see_the_edit(trick: Trick) -> None:
    """Also where nothing shows in the first batches; an edit to the same numbers is none."""
    plain = make_recipe(epochs=4)
    data = plain.dataset.load(0)
    ours = fingerprint(plain, data)
    assert fingerprint(make_recipe(epochs=4, trick=trick), data)["numbers"] != ours["numbers"]
    assert fingerprint(make_recipe(epochs=4, trick=BatchSize(1)), data) == ours


@pytest.mark.parametrize(
    "make",
    [
        lambda: BatchSize(factor=0),
        lambda: BatchSize(warmup=1),
        lambda: dataclasses.replace(make_recipe(), lr_scale=0),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match=r"need|choose from"):
        make()
