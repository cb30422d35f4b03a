"""swa: the equal average against torch's, its statistics, and what it is refused beside."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch.optim.swa_utils import AveragedModel, update_bn

from darkmagic.trainers.evaluate import evaluate
from darkmagic.trainers.hooks import refuse_conflicts
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.step.average import update_average
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import Conflict, Trick
from darkmagic.trainers.tricks.ema import Ema
from darkmagic.trainers.tricks.optimizer import ScheduleFree, Sgd
from darkmagic.trainers.tricks.swa import Swa, swa_weight
from training import changed_parts, make_recipe, resume_in, trained_checkpoint

SGD = Sgd(lr=0.05)


def _shortened(recipe: Recipe, steps: int) -> Recipe:
    return dataclasses.replace(recipe, max_steps=steps)


@pytest.mark.parametrize(("first", "every"), [(1, 1), (5, 3), (6, 3), (4, 7), (9, 4)])
def test_average_is_torchs_of_the_same_steps(first: int, every: int) -> None:
    """Weights taken every few steps from a step on, and after the last, count alike."""
    steps, rng = 17, torch.Generator().manual_seed(0)
    model = torch.nn.Linear(4, 3)
    ours, theirs = copy.deepcopy(model), AveragedModel(model)
    taken = 0
    for step in range(steps):
        with torch.no_grad():
            for parameter in model.parameters():
                parameter.add_(torch.randn(parameter.shape, generator=rng))
        update_average(ours, model, swa_weight(step, steps, first, every))
        done = step + 1
        if done >= first and (done % every == 0 or done == steps):
            theirs.update_parameters(model)
            taken += 1
        now = theirs.module if taken else model  # until then it is the model itself
        for a, b in zip(ours.parameters(), now.parameters(), strict=True):
            torch.testing.assert_close(a, b)
    assert taken > 0


def test_schedule_of_weights_is_the_card() -> None:
    """From `start` on, each `period` epochs: copies before, then 1 / n, and nothing between."""
    each_epoch = [Swa(start=0.5).average(step, 8, 2) for step in range(8)]
    assert each_epoch == [1, 1, 1, 1, 0, 1 / 2, 0, 1 / 3]
    twice = [Swa(start=0.5, period=0.5).average(step, 8, 2) for step in range(8)]
    assert twice == [1, 1, 1, 1, 1 / 2, 1 / 3, 1 / 4, 1 / 5]
    cut_short = [Swa(start=0.5).average(step, 7, 2) for step in range(7)]
    assert cut_short == [1, 1, 1, 1, 0, 1 / 2, 1 / 3]


def test_trained_average_is_the_mean_of_the_epochs_weights(tmp_path: Path) -> None:
    """Of epochs 2, 3 and 4 of 4; training itself does not notice that it is averaged."""
    recipe = make_recipe(4, optimizer=SGD, swa=Swa(start=0.5))
    plain = make_recipe(4, optimizer=SGD)
    weights = []

    def keep(event: dict[str, object]) -> None:
        del event
        kept = torch.load(tmp_path / "plain" / "checkpoint.pt", weights_only=True)["model"]
        weights.append(kept)

    (tmp_path / "plain").mkdir()
    torch.set_num_threads(1)
    train(plain, tmp_path / "plain", on_event=keep)
    _, averaged = trained_checkpoint(recipe, tmp_path / "swa")
    for name, parameter in SmallResNet(8, 4, 10, 1).named_parameters():
        del parameter
        assert torch.equal(averaged["model"][name], weights[-1][name])
        mean = torch.stack([kept[name] for kept in weights[1:]]).mean(0)
        torch.testing.assert_close(averaged["average"][name], mean)


def test_statistics_are_torchs_update_bn(tmp_path: Path) -> None:
    """They are of the averaged weights over the training batches, and what is evaluated."""
    recipe = make_recipe(4, optimizer=SGD, swa=Swa(start=0.5))
    result, checkpoint = trained_checkpoint(recipe, tmp_path / "a")
    trial = Trial.prepare(recipe)
    ours = trial.network
    ours.load_state_dict(checkpoint["average"])
    theirs = copy.deepcopy(ours)
    update_bn(trial.pipeline.training_epoch(3), theirs)
    for (name, a), b in zip(ours.named_buffers(), theirs.buffers(), strict=True):
        torch.testing.assert_close(a, b, msg=name)
    found = evaluate(ours, trial.pipeline.validation(), trial.device, recipe.amp)
    assert found.loss == pytest.approx(result["val_loss"], rel=1e-6)


def test_network_is_evaluated_until_an_average_begins(tmp_path: Path) -> None:
    """Epochs before `start` have the losses of a training without it, bit for bit."""
    _, plain = trained_checkpoint(make_recipe(3, optimizer=SGD), tmp_path / "plain")
    _, swa = trained_checkpoint(make_recipe(3, optimizer=SGD, swa=Swa(start=0.6)), tmp_path / "swa")
    before, after = ([e["val_loss"] for e in c["history"]] for c in (plain, swa))
    assert before[:2] == after[:2]
    assert before[2] != after[2]


@pytest.mark.parametrize("trick", [Swa(start=0.3), Swa(start=0.3, period=0.4)], ids=repr)
@pytest.mark.parametrize("after", [1, 2, 3])
def test_resumed_average_is_the_same_bit_for_bit(tmp_path: Path, trick: Trick, after: int) -> None:
    """Interrupted before, in and late in the averaging."""
    recipe = make_recipe(4, optimizer=SGD, swa=trick)
    _, whole = trained_checkpoint(recipe, tmp_path / "whole")
    resumed = resume_in(recipe, tmp_path / "part", after=after)
    for kept in ("model", "average"):
        assert all(torch.equal(whole[kept][name], resumed[kept][name]) for name in whole[kept])
    losses = [[event["val_loss"] for event in c["history"]] for c in (whole, resumed)]
    assert losses[0] == losses[1]


@pytest.mark.parametrize("other", [Ema(), Swa(), ScheduleFree()], ids=repr)
def test_second_average_is_refused(other: Trick) -> None:
    """One average is evaluated: the reason is one line, and off is no second one."""
    with pytest.raises(Conflict, match="keep one") as refused:
        refuse_conflicts({"swa": Swa(), "other": other})
    assert "\n" not in str(refused.value)
    refuse_conflicts({"swa": Swa(), "other": Trick(), "optimizer": SGD})


def test_fingerprint_sees_the_average() -> None:
    """A fingerprint tells the average, which the first steps do not show."""
    assert changed_parts(Swa()) == {"beside_steps"}


@pytest.mark.parametrize(
    "make", [lambda: Swa(start=1), lambda: Swa(start=-0.1), lambda: Swa(period=0)]
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """The message says what is needed."""
    with pytest.raises(ValueError, match="need"):
        make()
