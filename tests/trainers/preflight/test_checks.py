"""The measures behind the checks of networks and rates, against their definitions."""

from __future__ import annotations

import dataclasses
import math
from functools import partial
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812
from torchvision.ops import FrozenBatchNorm2d

from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.outputs.result import count_flops, count_parameters
from darkmagic.trainers.preflight.finding import Level
from darkmagic.trainers.preflight.gradients import gradient_sizes
from darkmagic.trainers.preflight.layers import list_layers, separable_weights
from darkmagic.trainers.preflight.lr_range import Curve, range_test, read_curve
from darkmagic.trainers.preflight.modes import frozen_norms
from darkmagic.trainers.preflight.outputs import sample_leak
from darkmagic.trainers.preflight.rectifiers import dead_shares
from darkmagic.trainers.preflight.run import run_preflight
from darkmagic.trainers.preflight.speed import check_speed
from darkmagic.trainers.tricks.optimizer import Sgd
from darkmagic.trainers.tricks.pretrain import Pretrained
from preflighting import RECIPE, make_rng, make_setup


@pytest.mark.parametrize(
    ("kernel", "channels", "filters", "weights"),
    [(3, 128, 256, 33_920), (3, 16, 16, 400), (1, 64, 64, None), (3, 8, 1, None), (5, 3, 64, 267)],
)
def test_separable_weights(kernel: int, channels: int, filters: int, weights: int | None) -> None:
    """Counted on the two convolutions; none where there would be no fewer."""
    plain = nn.Conv2d(channels, filters, kernel, bias=False)
    depthwise = nn.Conv2d(channels, channels, kernel, groups=channels, bias=False)
    pointwise = nn.Conv2d(channels, filters, 1, bias=False)
    assert separable_weights(plain) == weights
    counted = depthwise.weight.numel() + pointwise.weight.numel()
    assert (counted < plain.weight.numel()) == (weights is not None)
    assert weights in (None, counted)
    assert separable_weights(depthwise) is None


def test_layers_add_up() -> None:
    """To the parameters and FLOPs of the whole, as PyTorch counts them."""
    network = SmallResNet(8, 8, 10, 1)
    example = torch.randn(2, 1, 8, 8)
    layers = list_layers(network, example)
    assert sum(layer.parameters for layer in layers) == count_parameters(network)
    assert sum(layer.flops for layer in layers) == count_flops(network, example)
    stem = next(layer for layer in layers if layer.name == "stem.0")
    assert (stem.kind, stem.parameters, stem.flops) == ("Conv2d", 72, 2 * 72 * 64)


class HalfDead(nn.Module):
    """Sixteen channels, of which a bias of -100 turns four off, under `F.relu`."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 16, 3, padding=1)
        with torch.no_grad():
            self.layer.bias.fill_(100)  # type: ignore[union-attr]
            self.layer.bias[:4] = -100  # type: ignore[index]

    def forward(self, images: Tensor) -> Tensor:
        return F.relu(self.layer(images))


def test_dead_channels_are_counted() -> None:
    """Whether called as a function or a module, in place or not; narrow ones are left out."""
    images = torch.randn(8, 1, 8, 8, generator=make_rng())
    assert dead_shares(HalfDead(), images) == [0.25]
    assert dead_shares(nn.Sequential(HalfDead(), nn.ReLU(inplace=True)), images) == [0.25, 0.25]
    assert dead_shares(nn.Sequential(HalfDead(), nn.ReLU6()), images) == [0.25, 0.25]
    assert dead_shares(nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU()), images) == []


def test_gradient_sizes_are_autograd_s() -> None:
    """Of a linear model, by hand, where the first step's is the largest."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(4, 3), nn.Identity())
    network.append(Unused())
    images = torch.randn(6, 1, 2, 2, generator=make_rng())
    classes = torch.tensor([0, 1, 2, 0, 1, 2])
    weight = network[1].weight.detach().clone()
    probabilities = (images.flatten(1) @ weight.T + network[1].bias.detach()).softmax(1)
    error = probabilities - F.one_hot(classes, 3)
    sizes = gradient_sizes(network, images, classes)
    expected = (error.T @ images.flatten(1) / 6).norm().item()
    assert sizes["1.weight"] == (pytest.approx(expected, rel=1e-3), pytest.approx(weight.norm()))
    assert sizes["3.spare"][0] == 0


class Unused(nn.Module):
    """Has a weight and does nothing with it."""

    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Parameter(torch.ones(2, 2))

    def forward(self, images: Tensor) -> Tensor:
        return images


class OverTheBatch(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1).softmax(0)


def test_leak_across_the_batch_is_a_gradient() -> None:
    """Of one image's outputs by another's pixels; batch norm leaks in train mode alone."""
    images = torch.randn(4, 1, 8, 8, generator=make_rng())
    network = SmallResNet(8, 4, 10, 1)
    assert sample_leak(network, images) == 0
    assert sample_leak(OverTheBatch(), images) > 0.01
    assert math.isinf(sample_leak(nn.Sequential(HalfDead(), Constant()), images))


class Constant(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, :3] * 0 + 1


def test_frozen_norms_are_found_by_what_they_do() -> None:
    """Also torchvision's, which are no `BatchNorm2d`; one that is not run is no matter."""
    network = nn.Sequential(nn.BatchNorm2d(1), FrozenBatchNorm2d(1), nn.BatchNorm2d(1, momentum=0))
    images = torch.randn(8, 1, 4, 4, generator=make_rng()) + 3
    assert frozen_norms(network, images) == ["1", "2"]
    assert frozen_norms(SmallResNet(8, 4, 10, 1), images) == []


@pytest.mark.parametrize(
    ("losses", "peak", "level", "words"),
    [
        ([2.3, 2.3, 2.2, 2.0, 1.5, 1.0, 1.2, 9.0], 0.01, Level.OK, "suggested about 0.03"),
        ([2.3, 2.3, 2.2, 2.0, 1.5, 1.0, 1.2, 9.0], 0.3, Level.WARNING, "may be too high"),
        ([2.3, 2.3, 2.2, 2.0, 1.5, 1.0, 1.2, math.inf], 10.0, Level.STOP, "300 times too high"),
        # Thirty times too high, or three: the rates beside the best are a decade off.
        ([2.3, 2.3, 2.2, 2.0, 1.5, 1.0, 1.2, 9.0], 2.0, Level.WARNING, "may be too high"),
        ([2.3, 2.3, 2.2, 2.0, 1.5, 1.0, 1.2, 9.0], 1e-4, Level.WARNING, "raise it to about 0.03"),
        ([2.3] * 8, 0.1, Level.WARNING, "flat from"),
        ([2.3] * 7 + [9.0], 0.1, Level.OK, "falls slowly"),
        ([2.3] * 7 + [9.0], 100.0, Level.STOP, "lower the rate to 1 or less"),
    ],
)
def test_curves_are_read(losses: list[float], peak: float, level: Level, words: str) -> None:
    """Rates from 1e-6 to 10, a decade a step: the best is 0.1."""
    rates = [10.0 ** (place - 6) for place in range(8)]
    finding = read_curve(Curve(rates, losses, peak))
    assert finding.level is level
    assert words in f"{finding.message}: {finding.advice}"


def test_range_test_finds_a_rate_that_trains() -> None:
    """Whatever the trial's own rate is, the suggestion is of one size."""
    found = []
    for lr in (0.01, 0.1, 1.0):
        curve = range_test(make_setup(tricks={"optimizer": Sgd(lr=lr)}), seconds=30)
        assert curve is not None
        assert curve.peak == pytest.approx(lr)
        assert curve.rates == sorted(curve.rates)
        assert curve.suggested is not None
        found.append(curve.suggested)
    assert max(found) < 10 * min(found)


def test_pretrained_set_ups_may_freeze_layers(tmp_path: Path) -> None:
    """Frozen layers are usual for them, and a warning says which they are."""
    torch.save(SmallResNet(8, 8, 10, 1).state_dict(), tmp_path / "weights.pt")
    tricks = {"optimizer": Sgd(), "pretrain": Pretrained(str(tmp_path / "weights.pt"))}
    setup = make_setup(tricks=tricks, build=_frozen_stem)
    assert setup.pretrained
    finding = next(f for f in run_preflight(setup.recipe) if f.check == "gradients")
    assert finding.level is Level.WARNING
    assert "stem.0" in finding.message


def _frozen_stem(num_classes: int, in_channels: int) -> nn.Module:
    network = SmallResNet(8, 8, num_classes, in_channels)
    network.stem.requires_grad_(requires_grad=False)
    return network


class TakesSixteen(SmallResNet):
    """A network that runs out of memory beyond sixteen images."""

    def forward(self, images: Tensor) -> Tensor:
        if len(images) > 16:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(images)


def test_batch_that_does_not_fit_is_a_stop() -> None:
    """With the largest half, quarter or so that does."""
    finding = check_speed(make_setup(build=partial(TakesSixteen, depth=8, width=4)), 1.0)
    assert finding.level is Level.STOP
    assert finding.advice == "batch_size=16 fits"


class FailsInTraining(SmallResNet):
    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            raise KeyError("no such branch")
        return super().forward(images)


def test_a_check_that_raises_is_a_finding() -> None:
    """And the others are made all the same."""
    recipe = dataclasses.replace(RECIPE, build=partial(FailsInTraining, depth=8, width=4))
    findings = {finding.check: finding for finding in run_preflight(recipe)}
    assert findings["overfit"].level is Level.WARNING
    assert "KeyError" in findings["overfit"].message
    assert findings["samples"].level is Level.OK


def test_network_that_does_not_fit_the_data_is_a_stop() -> None:
    """In the words of whoever builds it."""
    findings = list(run_preflight(dataclasses.replace(RECIPE, build=nn.Flatten)))
    assert findings[-1].level is Level.STOP
    assert "the data have 10 classes" in findings[-1].message
