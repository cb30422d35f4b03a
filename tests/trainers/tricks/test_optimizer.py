"""optimizer: SGD and Adam by hand, and what the options' fields come to."""

from __future__ import annotations

import math
from collections.abc import Callable

import pytest
import torch

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.trick import ParamGroup
from darkmagic.trainers.tricks.lr_regime import Cosine
from darkmagic.trainers.tricks.optimizer import (
    Adam,
    AdamW,
    Lion,
    Muon,
    Sam,
    ScheduleFree,
    Sgd,
    decouple,
)

CONTRACT = {"changes": ["update"]}


def _momentum_by_hand(nesterov: bool) -> torch.Tensor:
    weight, velocity, lr, decay = torch.tensor([1.0, -2.0]), torch.zeros(2), 0.1, 0.01
    for _ in range(3):
        gradient = 2 * weight + decay * weight
        velocity = 0.9 * velocity + gradient
        weight = weight - lr * (gradient + 0.9 * velocity if nesterov else velocity)
    return weight


@pytest.mark.parametrize("nesterov", [True, False])
def test_sgd_is_the_textbooks(nesterov: bool) -> None:
    """Three steps on a parabola, momentum and decay by hand."""
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0]))
    groups: list[ParamGroup] = [{"params": [weight], "weight_decay": 0.01}]
    optimizer = Sgd(lr=0.1, momentum=0.9, nesterov=nesterov).build_optimizer(groups)
    for _ in range(3):
        optimizer.zero_grad()
        (weight**2).sum().backward()
        optimizer.step()
    assert torch.allclose(weight, _momentum_by_hand(nesterov), atol=1e-6)


def test_adams_first_step_is_its_rate() -> None:
    """Whatever the gradient's size (Kingma & Ba, section 2.1)."""
    weight = torch.nn.Parameter(torch.tensor([1.0, -2.0, 300.0]))
    optimizer = Adam(lr=0.05).build_optimizer([{"params": [weight], "weight_decay": 0.0}])
    (weight**2).sum().backward()
    optimizer.step()
    assert torch.allclose(weight, torch.tensor([0.95, -1.95, 299.95]), atol=1e-4)


def test_schedule_free_replaces_the_regime() -> None:
    """Its warm-up is the only factor of the rate."""
    hooks = Hooks({"lr_regime": Cosine(), "optimizer": ScheduleFree(warmup=0.1)}, seed=0)
    assert [hooks.factors(x)[0] for x in (0, 0.05, 0.1, 0.9, 1)] == pytest.approx([0, 0.5, 1, 1, 1])


def test_decoupled_decay_keeps_its_pull() -> None:
    """Rate times decay is what it is under SGD, in every group."""
    groups: list[ParamGroup] = [
        {"params": [], "weight_decay": 5e-4},
        {"params": [], "weight_decay": 0},
    ]
    decays = [group["weight_decay"] for group in decouple(groups, lr=1e-3, decay_lr=0.1)]
    assert decays == pytest.approx([0.05, 0])


@pytest.mark.parametrize("momentum", [0.0, 0.5, 0.9])
@pytest.mark.parametrize("kind", [AdamW, Lion, Muon])
def test_every_decay_pulls_as_sgds(kind: type[AdamW | Lion | Muon], momentum: float) -> None:
    """Without gradients, exp(-steps lr decay / (1 - momentum)) is left after 1,000 steps."""
    left = []
    sgd = Sgd(lr=0.1, momentum=momentum)
    for trick in (sgd, kind(decay_lr=0.1, decay_momentum=momentum)):
        weights = [torch.nn.Parameter(torch.ones(2, 2)) for _ in range(3)]
        optimizer = trick.build_optimizer([{"params": weights, "weight_decay": 5e-4}])
        for weight in weights:
            weight.grad = torch.zeros_like(weight)
        for _ in range(1000):
            optimizer.step()
        left.append([weight.mean().item() for weight in weights])
    expected = math.exp(-1000 * 0.1 * 5e-4 / (1 - momentum))
    assert left[0] == pytest.approx([expected] * 3, rel=6e-3)  # its velocity builds up first
    assert left[1] == pytest.approx([expected] * 3, rel=1e-3)


@pytest.mark.parametrize(
    "make",
    [
        lambda: Sam(rho=0.0),
        lambda: ScheduleFree(beta=0.0),
        lambda: ScheduleFree(warmup=1.0),
        lambda: decouple([], lr=0.0, decay_lr=0.1),
    ],
)
def test_bad_fields_are_refused(make: Callable[[], object]) -> None:
    """With a line that says what is needed."""
    with pytest.raises(ValueError, match="need"):
        make()
