"""Label smoothing, mixup, optimizers and weight decay against their definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.trick import ParamGroup, Trick
from darkmagic.trainers.tricks.label_smoothing import LabelSmoothing, smooth_targets
from darkmagic.trainers.tricks.mixup import Mixup, mix
from darkmagic.trainers.tricks.optimizer import Adam, Sgd
from darkmagic.trainers.tricks.weight_decay import WeightDecay


def _one_hot(classes: list[int], count: int) -> torch.Tensor:
    return F.one_hot(torch.tensor(classes), count).float()


def test_smoothing_is_the_articles() -> None:
    """`1 - eps` on the true class, `eps / (K - 1)` on each other one."""
    smoothed = smooth_targets(_one_hot([2, 0], 5), 0.1)
    expected = torch.full((2, 5), 0.1 / 4)
    expected[0, 2] = expected[1, 0] = 0.9
    assert torch.allclose(smoothed, expected)


@pytest.mark.parametrize(("eps", "classes"), [(0.0, 10), (0.1, 10), (0.2, 3)])
def test_minimum_loss_is_the_entropy_of_the_targets(eps: float, classes: int) -> None:
    """Minimised over the logits, the loss comes to what theory gives, and no lower."""
    logits = torch.zeros(1, classes, requires_grad=True)
    target = _one_hot([0], classes)
    optimizer = torch.optim.Adam([logits], lr=0.2)
    for _ in range(800):
        optimizer.zero_grad()
        loss = LabelSmoothing(eps).loss(logits, target)
        loss.backward()
        optimizer.step()
    entropy = 0.0
    if eps:
        entropy = -(1 - eps) * math.log(1 - eps) - eps * math.log(eps / (classes - 1))
    assert loss.item() == pytest.approx(entropy, abs=2e-3)


def test_smoothing_differs_from_pytorchs_as_the_card_says() -> None:
    """PyTorch spreads eps over all K classes; at eps K / (K - 1) of ours the two agree."""
    logits = torch.randn(8, 10, generator=generator(0, "logits"))
    classes = torch.arange(8)
    ours = LabelSmoothing(0.1).loss(logits, F.one_hot(classes, 10).float())
    assert ours != F.cross_entropy(logits, classes, label_smoothing=0.1)
    theirs = F.cross_entropy(logits, classes, label_smoothing=0.1 * 10 / 9)
    assert torch.allclose(ours, theirs)


def test_mixup_loss_is_the_papers() -> None:
    """Lambda times one cross-entropy plus 1 - lambda times the other."""
    rng = generator(0, "mixup")
    images, logits = torch.randn(6, 1, 4, 4, generator=rng), torch.randn(6, 5, generator=rng)
    classes = torch.tensor([0, 1, 2, 3, 4, 0])
    order = torch.tensor([5, 4, 3, 2, 1, 0])
    mixed, targets = mix(images, F.one_hot(classes, 5).float(), 0.3, order)
    assert torch.allclose(mixed, 0.3 * images + 0.7 * images[order], atol=1e-6)
    expected = 0.3 * F.cross_entropy(logits, classes) + 0.7 * F.cross_entropy(
        logits, classes[order]
    )
    assert torch.allclose(Trick().loss(logits, targets), expected)


def test_mixup_draws_from_beta() -> None:
    """Over many batches lambda has the moments of Beta(alpha, alpha)."""
    trick, targets = Mixup(alpha=0.2), _one_hot([0, 1], 2)
    drawn = []
    for seed in range(3000):
        _, mixed = trick.transform_batch(torch.zeros(2, 1, 1, 1), targets, generator(seed, "m"))
        if mixed[0, 0] != 1:  # a pair that was mixed with each other
            drawn.append(mixed[0, 0].item())
    assert len(drawn) > 1000
    assert np.mean(drawn) == pytest.approx(0.5, abs=0.03)
    assert np.var(drawn) == pytest.approx(1 / (4 * (2 * 0.2 + 1)), abs=0.02)


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


def test_biases_and_norms_do_not_decay() -> None:
    """Every weight matrix and kernel does."""
    network = SmallResNet(8, 4, 10, 1)
    optimizer = Hooks({"wd": WeightDecay(0.5)}, seed=0).build_optimizer(network)
    decays = {
        id(p): group["weight_decay"] for group in optimizer.param_groups for p in group["params"]
    }
    for name, module in network.named_modules():
        for key, parameter in module.named_parameters(recurse=False):
            is_weight = isinstance(module, torch.nn.Conv2d | torch.nn.Linear) and key == "weight"
            assert decays[id(parameter)] == (0.5 if is_weight else 0.0), f"{name}.{key}"


def test_two_losses_conflict() -> None:
    """And the message names both tricks."""
    with pytest.raises(ValueError, match="a and b both give loss"):
        Hooks({"a": LabelSmoothing(), "b": LabelSmoothing()}, seed=0)
