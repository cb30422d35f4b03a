"""Our optimizers against their papers' update rules and other implementations."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import timm.optim
import torch
from torch import Tensor, nn

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.step.eager import training_step
from darkmagic.trainers.trick import ParamGroup, Trick
from darkmagic.trainers.tricks.optimizer import (
    Adadelta,
    Adagrad,
    AdamW,
    Lion,
    RmsProp,
    Sam,
    ScheduleFree,
    Sgd,
)

START = torch.tensor([1.0, -2.0, 0.5])
CURVATURE = torch.tensor([1.0, 3.0, 0.2])


def _gradient(weight: Tensor) -> Tensor:
    return CURVATURE * weight


def _descend(trick: Trick, steps: int, decay: float = 0.0) -> Tensor:
    """Return the weights after `steps` of the trick's optimizer on a parabola."""
    weight = nn.Parameter(START.clone())
    optimizer = trick.build_optimizer([{"params": [weight], "weight_decay": decay}])
    for _ in range(steps):
        _step(optimizer, weight)
    return weight.detach()


def _step(optimizer: torch.optim.Optimizer, weight: nn.Parameter) -> Tensor:
    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = (CURVATURE * weight**2).sum() / 2
        loss.backward()
        return loss.detach()

    return optimizer.step(closure)  # type: ignore[return-value]


def _adagrad(weight: Tensor, steps: int) -> Tensor:
    total = torch.zeros_like(weight)
    for _ in range(steps):
        total += _gradient(weight) ** 2
        weight = weight - 0.01 * _gradient(weight) / (total.sqrt() + 1e-10)
    return weight


def _rmsprop(weight: Tensor, steps: int) -> Tensor:
    average = torch.zeros_like(weight)
    for _ in range(steps):
        average = 0.9 * average + 0.1 * _gradient(weight) ** 2
        weight = weight - 1e-3 * _gradient(weight) / (average.sqrt() + 1e-8)
    return weight


def _adadelta(weight: Tensor, steps: int) -> Tensor:
    squares, moves = torch.zeros_like(weight), torch.zeros_like(weight)
    for _ in range(steps):
        gradient = _gradient(weight)
        squares = 0.95 * squares + 0.05 * gradient**2
        move = (moves + 1e-6).sqrt() / (squares + 1e-6).sqrt() * gradient
        moves = 0.95 * moves + 0.05 * move**2
        weight = weight - move
    return weight


def _adamw(weight: Tensor, steps: int) -> Tensor:
    first, second = torch.zeros_like(weight), torch.zeros_like(weight)
    for t in range(1, steps + 1):
        gradient = _gradient(weight)
        weight = weight * (1 - 1e-3 * 0.02 * 100)  # decay 0.02 at a rate of 0.1
        first = 0.9 * first + 0.1 * gradient
        second = 0.999 * second + 0.001 * gradient**2
        unbiased = (second / (1 - 0.999**t)).sqrt()
        weight = weight - 1e-3 * first / (1 - 0.9**t) / (unbiased + 1e-8)
    return weight


def _lion(weight: Tensor, steps: int) -> Tensor:
    momentum = torch.zeros_like(weight)
    for _ in range(steps):
        gradient = _gradient(weight)
        update = (0.9 * momentum + 0.1 * gradient).sign()
        weight = weight - 0.05 * (update + 0.02 * 2 * weight)  # decay 0.02 at a rate of 0.1
        momentum = 0.99 * momentum + 0.01 * gradient
    return weight


def _sam(weight: Tensor, steps: int) -> Tensor:
    velocity = torch.zeros_like(weight)
    for _ in range(steps):
        gradient = _gradient(weight)
        worst = _gradient(weight + 0.3 * gradient / gradient.norm()) + 0.02 * weight
        velocity = 0.9 * velocity + worst
        weight = weight - 0.05 * (worst + 0.9 * velocity)
    return weight


@pytest.mark.parametrize(
    ("trick", "by_hand", "decay"),
    [
        (Adagrad(), _adagrad, 0.0),
        (RmsProp(), _rmsprop, 0.0),
        (Adadelta(), _adadelta, 0.0),
        (AdamW(decay_momentum=0.0), _adamw, 0.02),
        (Lion(lr=0.05, decay_momentum=0.0), _lion, 0.02),
        (Sam(lr=0.05, rho=0.3), _sam, 0.02),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Trick) else "",
)
def test_optimizer_follows_its_paper(
    trick: Trick, by_hand: Callable[[Tensor, int], Tensor], decay: float
) -> None:
    """Twenty steps on a parabola equal the paper's update rule, written out."""
    assert torch.allclose(_descend(trick, 20, decay), by_hand(START, 20), atol=1e-5)


def test_lion_matches_timm() -> None:
    """Thirty steps with weight decay equal those of timm's Lion."""
    rng = generator(0, "lion")
    ours, theirs = ([nn.Parameter(p) for p in _values("lion")] for _ in range(2))
    trick = Lion(lr=0.01, decay_lr=0.01, decay_momentum=0.0)
    lion = trick.build_optimizer([{"params": ours, "weight_decay": 0.1}])
    reference = timm.optim.Lion(theirs, lr=0.01, betas=(0.9, 0.99), weight_decay=0.1)
    for _ in range(30):
        for a, b in zip(ours, theirs, strict=True):
            a.grad = torch.randn(a.shape, generator=rng)
            b.grad = a.grad.clone()
        lion.step()
        reference.step()
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(ours, theirs, strict=True))


def _values(purpose: str) -> list[Tensor]:
    rng = generator(0, purpose, "values")
    return [torch.randn(shape, generator=rng) for shape in [(4, 3, 3, 3), (5, 4), (5,)]]


def test_schedule_free_follows_its_paper() -> None:
    """Equations 3 to 5, kept as three sequences, give the same weights under a warmup."""
    z = x = START
    total = 0.0
    weight = nn.Parameter(START.clone())
    groups: list[ParamGroup] = [{"params": [weight], "weight_decay": 0.02}]
    optimizer: Any = ScheduleFree(lr=0.5, beta=0.8).build_optimizer(groups)
    for step in range(15):
        lr = 0.5 * min(1.0, step / 5)  # 0 at first
        optimizer.param_groups[0]["lr"] = lr
        _step(optimizer, weight)
        y = 0.2 * z + 0.8 * x
        z = z - lr * (_gradient(y) + 0.02 * y)
        total += lr**2
        c = lr**2 / total if total else 0.0
        x = (1 - c) * x + c * z
        if step % 4 == 3:
            optimizer.eval()
            assert torch.allclose(weight, x, atol=1e-5)
            with pytest.raises(ValueError, match="call train"):
                optimizer.step()
            optimizer.train()
        assert torch.allclose(weight, 0.2 * z + 0.8 * x, atol=1e-5)


def _network() -> SmallResNet:
    torch.manual_seed(0)
    return SmallResNet(8, 4, 10, 1)


def test_sam_needs_a_closure_and_updates_batch_norm_once() -> None:
    """Of a step's two forward passes, only the first updates batch norm's running statistics."""
    networks = [_network(), _network()]
    rng = generator(0, "sam")
    images, targets = torch.randn(8, 1, 8, 8, generator=rng), torch.rand(8, 10, generator=rng)
    for network, trick in zip(networks, [Sgd(), Sam()], strict=True):
        hooks = Hooks({"optimizer": trick}, seed=0)
        optimizer = hooks.build_optimizer(network)
        training_step(
            network,
            optimizer,
            hooks,
            images,
            targets,
            device=torch.device("cpu"),
            amp="off",
        )
    plain, sharp = (dict(network.named_buffers()) for network in networks)
    floats = [name for name in plain if "num_batches" not in name]
    assert floats
    assert all(torch.equal(plain[name], sharp[name]) for name in floats)
    with pytest.raises(ValueError, match="closure"):
        optimizer.step()
