"""The hooks of the loop: gradients, averages, stops and orders of tricks that a test makes up."""

from __future__ import annotations

import ast
import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from darkmagic.trainers.hooks import Hooks, refuse_conflicts
from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.step.eager import EagerStep
from darkmagic.trainers.step.select import make_eager
from darkmagic.trainers.step.tensor_schedule import TensorSchedule
from darkmagic.trainers.trick import Conflict, Trick
from darkmagic.trainers.tricks.ema import Ema
from darkmagic.trainers.tricks.optimizer import Sam, Sgd
from darkmagic.trainers.tricks.swa import Swa
from training import make_recipe, resume_in, trained_checkpoint


@dataclass(frozen=True)
class Scaled(Trick):
    """Makes gradients `times` as long, and adds `plus`."""

    times: float = 1.0
    plus: float = 0.0

    def transform_gradients(self, parameters: Sequence[nn.Parameter]) -> None:
        for parameter in parameters:
            assert parameter.grad is not None
            assert not torch.is_grad_enabled()
            parameter.grad.mul_(self.times).add_(self.plus)


@dataclass(frozen=True)
class FromTheHost(Scaled):
    """Says that a graph would repeat its numbers."""

    host_gradients: ClassVar[bool] = True


@dataclass(frozen=True)
class Lookahead(Trick):
    """Zhang et al. 2019 (arXiv 1907.08610), algorithm 1: k steps forward, one step back."""

    k: int = 3
    alpha: float = 0.5

    returns_average: ClassVar[bool] = True

    def average(self, step: int, steps: int, epoch_steps: int) -> float:
        return self.alpha if (step + 1) % self.k == 0 else 0.0


@dataclass(frozen=True)
class StopsAt(Trick):
    """Ends training after `epochs`."""

    epochs: int

    def should_stop(self, history: Sequence[Mapping[str, Any]]) -> bool:
        return len(history) >= self.epochs


@dataclass(frozen=True)
class Shrinks(Trick):
    """Adds a share of the squared head to the loss."""

    share: float = 0.1

    def extra_loss(
        self, model: nn.Module, targets: Tensor, loss: Callable[[Tensor, Tensor], Tensor]
    ) -> Tensor | None:
        head = model.head.weight
        assert isinstance(head, Tensor)
        return self.share * head.square().sum() if self.share else None


@dataclass(frozen=True)
class OddEpochs(Trick):
    """Draws a new order in odd epochs alone."""

    def epoch_order(self, epoch: int, seed: int) -> torch.Generator | None:
        return generator(seed, "odd", epoch) if epoch % 2 else None


def _gradients(*tricks: Trick) -> Tensor:
    parameter = nn.Parameter(torch.ones(3))
    frozen = nn.Parameter(torch.ones(3), requires_grad=False)
    parameter.grad = torch.tensor([1.0, 2.0, 3.0])
    hooks = Hooks({str(place): trick for place, trick in enumerate(tricks)}, 0)
    hooks.transform_gradients([parameter, frozen])
    return parameter.grad


def test_gradient_transforms_chain_in_the_order_of_the_configuration() -> None:
    """Twice and then one more is not one more and then twice; without a trick nothing changes."""
    assert _gradients(Scaled(2.0), Scaled(plus=1.0)).tolist() == [3, 5, 7]
    assert _gradients(Scaled(plus=1.0), Scaled(2.0)).tolist() == [4, 6, 8]
    assert _gradients(Trick()).tolist() == [1, 2, 3]


@pytest.mark.parametrize("kind", [Sgd, Sam])
def test_step_is_taken_by_the_transformed_gradients(
    tmp_path: Path, kind: Callable[..., Trick]
) -> None:
    """Gradients of half the length at twice the rate train the same weights, in SAM's two too."""
    optimizer, twice = (kind(lr, momentum=0.0, nesterov=False) for lr in (0.05, 0.1))
    halved = make_recipe(1, optimizer=twice, half=Scaled(0.5))
    _, plain = trained_checkpoint(make_recipe(1, optimizer=optimizer), tmp_path / "plain")
    _, scaled = trained_checkpoint(halved, tmp_path / "halved")
    for name, value in plain["model"].items():
        torch.testing.assert_close(value, scaled["model"][name], rtol=1e-4, atol=1e-5)


def test_gradients_by_numbers_of_the_host_are_not_captured() -> None:
    """The trial says which trick keeps it from a graph; kernels alone do not."""
    assert Hooks({"mine": FromTheHost()}, 0).graph_problem == (
        "mine changes gradients by numbers of the host"
    )
    assert Hooks({"mine": Scaled()}, 0).graph_problem is None


def test_two_averages_are_a_conflict_of_any_two_tricks() -> None:
    """Also of ones that do not know each other; the row does not apply and is no failure."""
    with pytest.raises(Conflict, match="mine and ema each average the weights"):
        refuse_conflicts({"mine": Lookahead(), "ema": Ema()})
    refuse_conflicts({"mine": Lookahead(), "ema": Trick()})


def _by_hand(trial: Trial, batches: Sequence[tuple[Tensor, Tensor]], trick: Lookahead) -> nn.Module:
    """Take the algorithm's steps; return its slow weights, which are the fast ones too."""
    fast, slow = trial.network, copy.deepcopy(trial.network)
    eager = EagerStep(
        fast, fast, trial.optimizer, trial.hooks, average=None, device=trial.device, amp="off"
    )
    for step, (images, targets) in enumerate(batches):
        eager(images, targets, None)
        if (step + 1) % trick.k == 0:
            with torch.no_grad():
                for a, b in zip(slow.parameters(), fast.parameters(), strict=True):
                    a.add_(trick.alpha * (b - a))
                    b.copy_(a)
    return slow


@pytest.mark.parametrize("tensors", [False, True], ids=["numbers", "tensors"])
def test_lookahead_fits_the_average_hook(*, tensors: bool) -> None:
    """Slow weights are the paper's, by numbers and by tensors as in a graph."""
    trick = Lookahead(k=4)
    recipe = make_recipe(1, optimizer=Sgd(lr=0.05), lookahead=trick)
    torch.set_num_threads(1)
    trial, reference = Trial.prepare(recipe), Trial.prepare(recipe)
    batches = list(trial.pipeline.training_epoch(0))
    eager, _ = make_eager(trial)
    eager.amp = "off"
    if tensors:
        eager.schedule = TensorSchedule(trial.optimizer, trial.device, decay_moves=False)
    for step, batch in enumerate(batches):
        eager(*batch, trial.hooks.average(step, len(batches), len(batches)))
    expected = _by_hand(reference, batches, trick)
    assert trial.average is not None
    for ours, theirs in zip(trial.average.parameters(), expected.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-6)
    fast, slow = next(trial.network.parameters()), next(trial.average.parameters())
    assert not torch.equal(fast, slow)  # steps after the last of them are ahead
    assert torch.allclose(fast, next(reference.network.parameters()), rtol=1e-4, atol=1e-6)


def test_lookahead_resumes_bit_for_bit(tmp_path: Path) -> None:
    """Its slow weights are in the checkpoint, and the step tells the rest."""
    recipe = make_recipe(3, optimizer=Sgd(lr=0.05), lookahead=Lookahead(k=4))
    _, whole = trained_checkpoint(recipe, tmp_path / "whole")
    resumed = resume_in(recipe, tmp_path / "part", after=2)
    for kept in ("model", "average"):
        assert all(torch.equal(whole[kept][name], resumed[kept][name]) for name in whole[kept])


@pytest.mark.parametrize("trick", [Ema(), Swa(start=0.3, period=0.3)], ids=repr)
def test_averages_by_tensors_are_those_by_numbers(trick: Trick) -> None:
    """A captured step reads the weight from a tensor, 0 and 1 among them."""
    torch.set_num_threads(1)
    averages = []
    for tensors in (False, True):
        trial = Trial.prepare(make_recipe(1, optimizer=Sgd(lr=0.05), average=trick))
        eager, _ = make_eager(trial)
        if tensors:
            eager.schedule = TensorSchedule(trial.optimizer, trial.device, decay_moves=False)
        batches = list(trial.pipeline.training_epoch(0))
        for step, batch in enumerate(batches):
            eager(*batch, trial.hooks.average(step, len(batches), len(batches)))
        assert trial.average is not None
        averages.append(trial.average)
    for by_numbers, by_tensors in zip(*(a.parameters() for a in averages), strict=True):
        torch.testing.assert_close(by_numbers, by_tensors, rtol=1e-4, atol=1e-6)


def test_any_trick_stops_training(tmp_path: Path) -> None:
    """The first of two that wants to; the reason says after which epoch."""
    recipe = make_recipe(4, late=StopsAt(3), early=StopsAt(2))
    result, checkpoint = trained_checkpoint(recipe, tmp_path / "a")
    assert len(checkpoint["history"]) == 2
    assert result["reason"] == "stopped early, after epoch 2 of 4"


def test_extra_loss_is_added_to_what_is_trained(tmp_path: Path) -> None:
    """The training loss has the term and validation's plain loss has not; None adds nothing."""
    histories = [
        trained_checkpoint(make_recipe(1, sgd=Sgd(lr=1e-30), extra=trick), tmp_path / str(place))[1]
        for place, trick in enumerate([Trick(), Shrinks(0.0), Shrinks(0.1)])
    ]
    (plain, without, more) = (checkpoint["history"][0] for checkpoint in histories)
    assert without["train_loss"] == plain["train_loss"]
    term = 0.1 * histories[2]["model"]["head.weight"].square().sum().item()
    assert more["train_loss"] == pytest.approx(plain["train_loss"] + term, rel=1e-4)
    assert more["val_loss"] == pytest.approx(plain["val_loss"], rel=1e-3)


def test_order_of_an_epoch_is_the_tricks() -> None:
    """The data set's own order where it draws none, and another where it does."""
    trial = Trial.prepare(make_recipe(2, order=OddEpochs()))
    seen = [
        torch.cat([targets.argmax(1) for _, targets in trial.pipeline.training_epoch(epoch)])
        for epoch in range(2)
    ]
    own = trial.data.train.targets[: len(seen[0])]
    assert torch.equal(seen[0], own)
    order = torch.randperm(len(trial.data.train), generator=generator(0, "odd", 1))
    assert torch.equal(seen[1], trial.data.train.targets[order][: len(seen[1])])


def test_training_never_stops_before_its_first_epoch() -> None:
    """A trick that would always stop is asked once there is an epoch to judge."""

    class Always(Trick):
        def should_stop(self, history: Sequence[Mapping[str, Any]]) -> bool:
            return True

    hooks = Hooks({"always": Always()}, 0)
    assert not hooks.should_stop([])
    assert hooks.should_stop([{"val_loss": 1.0}])


def test_two_orders_are_refused() -> None:
    """As two losses are."""
    with pytest.raises(ValueError, match="a and b both give epoch_order"):
        Hooks({"a": OddEpochs(), "b": OddEpochs()}, 0)


def test_loop_imports_no_trick(repo: Path) -> None:
    """What trains, prepares and steps knows tricks by their hooks alone, auxiliary heads too."""
    trainers = repo / "trainers"
    for path in trainers.rglob("*.py"):
        if path.is_relative_to(trainers / "tricks"):
            continue
        for node in ast.walk(ast.parse(path.read_text())):
            module = node.module or "" if isinstance(node, ast.ImportFrom) else ""
            assert not module.startswith("darkmagic.trainers.tricks"), f"{path} imports {module}"
            assert module != "darkmagic.trainers.models.auxiliary", f"{path} imports {module}"
