"""Training in fp16: the loss's scale against torch's GradScaler, and steps that are left out."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from torch import Tensor

from darkmagic.trainers.outputs.checkpoint import load_checkpoint
from darkmagic.trainers.prepare.loss_scale import FIRST, INTERVAL, LossScale
from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.step.select import make_eager
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.optimizer import AdamW, Lion, Muon, Sam, Sgd
from training import RECIPE

OPTIMIZERS = [Sgd(0.05, nesterov=True), AdamW(), Sam(0.05), Lion(), Muon()]
BY_NAME = pytest.mark.parametrize("optimizer", OPTIMIZERS, ids=lambda o: type(o).__name__)
CPU = torch.device("cpu")


@dataclasses.dataclass(frozen=True)
class Overflows(Trick):
    """A loss whose gradients are infinite in the steps that `when` says."""

    when: Callable[[int], bool]
    calls: list[int] = dataclasses.field(default_factory=list)

    def loss(self, logits: Tensor, targets: Tensor) -> Tensor:
        self.calls.append(0)
        loss = torch.nn.functional.cross_entropy(logits, targets)
        return loss * 1e38 * 1e38 if self.when(len(self.calls)) else loss


@BY_NAME
def test_a_step_that_overflows_is_left_out(optimizer: Trick) -> None:
    """The first step leaves weights as they were, and training goes on from there as it would."""
    outcomes = []
    for when in (lambda _: False, lambda call: call <= (2 if isinstance(optimizer, Sam) else 1)):
        tricks = {**RECIPE.tricks, "optimizer": optimizer, "overflows": Overflows(when)}
        recipe = dataclasses.replace(RECIPE, amp="fp16", tricks=tricks)
        trial = Trial.prepare(recipe)
        assert trial.scale is not None
        step, _ = make_eager(trial)
        trial.hooks.schedule(trial.optimizer, 0.3)
        trial.network.train()
        batches = list(trial.pipeline.training_epoch(0))[:3]
        before = [p.detach().clone() for p in trial.network.parameters()]
        if when(1):
            step(*batches[0], None)
            assert all(map(torch.equal, before, trial.network.parameters()))
            assert trial.scale.state_dict()["scale"] == FIRST / 2
        for batch in batches:
            step(*batch, None)
        assert not any(map(torch.equal, before, trial.network.parameters()))
        outcomes.append([p.detach().clone() for p in trial.network.parameters()])
    for plain, after in zip(*outcomes, strict=True):  # statistics of norms moved in that step
        assert (plain - after).abs().max() < 0.05


def test_the_scale_moves_as_that_of_torch() -> None:
    """Over overflows, and over many good steps."""
    parameter = torch.nn.Parameter(torch.ones(3))
    scale = LossScale(torch.optim.SGD([parameter], lr=0.0), CPU)
    theirs = torch.amp.GradScaler("cpu")
    other = torch.optim.SGD([parameter], lr=0.0)
    for bad in [True, True, *[False] * INTERVAL, True, False]:
        value = float("inf") if bad else 1.0
        for ours in (True, False):
            parameter.grad = torch.full((3,), value)
            if ours:
                scale.unscale([parameter])
                scale.update()
            else:
                theirs.scale(torch.zeros(()))
                theirs.step(other)
                theirs.update()
        assert scale.state_dict()["scale"] == theirs.get_scale()


def test_small_gradients_are_those_of_single_precision() -> None:
    """Which fp16 without a scale would lose."""
    weight = torch.nn.Parameter(torch.full((4, 4), 1e-2))
    scale = LossScale(torch.optim.SGD([weight], lr=0.1), CPU)
    images = torch.full((2, 4), 1e-3)
    found = []
    for scaled in (True, False):
        weight.grad = None
        with torch.autocast("cpu", torch.float16):
            loss = (images @ weight).float().mean() * 1e-4
        (scale.scaled(loss) if scaled else loss).backward()  # type: ignore[no-untyped-call]
        if scaled:
            scale.unscale([weight])
        assert weight.grad is not None
        found.append(weight.grad.max().item())
    assert found == [pytest.approx(1e-4 * 1e-3 * 2 / 8, rel=1e-3), 0.0]


@BY_NAME
def test_fp16_trains_as_single_precision_does(tmp_path: Path, optimizer: Trick) -> None:
    """To a few parts in a hundred, the scale being part of the checkpoint."""
    losses = {}
    for amp in ("off", "fp16"):
        (tmp_path / amp).mkdir()
        tricks = {**RECIPE.tricks, "optimizer": optimizer}
        result = train(dataclasses.replace(RECIPE, amp=amp, tricks=tricks), tmp_path / amp)
        assert result.status == "finished"
        losses[amp] = result.train_loss
    assert losses["fp16"] == pytest.approx(losses["off"], rel=0.05)
    checkpoint = load_checkpoint(tmp_path / "fp16")
    assert checkpoint is not None
    assert checkpoint["scale"]["scale"] > 0
