"""The measures behind the checks of networks and learning rates, against their definitions."""

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
def test_separable_weights_are_those_of_two_convolutions(
    kernel: int, channels: int, filters: int, weights: int | None
) -> None:
    """The count is that of a depthwise and a pointwise convolution, None if that is no fewer."""
    plain = nn.Conv2d(channels, filters, kernel, bias=False)
    depthwise = nn.Conv2d(channels, channels, kernel, groups=channels, bias=False)
    pointwise = nn.Conv2d(channels, filters, 1, bias=False)
    assert separable_weights(plain) == weights
    counted = depthwise.weight.numel() + pointwise.weight.numel()
    assert (counted < plain.weight.numel()) == (weights is not None)
    assert weights in (None, counted)
    assert separable_weights(depthwise) is None


def test_layer_counts_sum_to_network_totals() -> None:
    """Parameters and FLOPs of the listed layers sum to the network's, as PyTorch counts them."""
    network = SmallResNet(8, 8, 10, 1)
    example = torch.randn(2, 1, 8, 8)
    layers = list_layers(network, example)
    assert sum(layer.parameters for layer in layers) == count_parameters(network)
    assert sum(layer.flops for layer in layers) == count_flops(network, example)
    stem = next(layer for layer in layers if layer.name == "stem.0")
    assert (stem.kind, stem.parameters, stem.flops) == ("Conv2d", 72, 2 * 72 * 64)


class HalfDead(nn.Module):
    """A convolution of 16 channels before `F.relu`; a bias of -100 turns 4 of them off."""

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.Conv2d(1, 16, 3, padding=1)
        with torch.no_grad():
            self.layer.bias.fill_(100)  # type: ignore[union-attr]
            self.layer.bias[:4] = -100  # type: ignore[index]

    def forward(self, images: Tensor) -> Tensor:
        return F.relu(self.layer(images))


def test_dead_channels_are_counted_per_activation() -> None:
    """ReLU is found as a function and as a module, in place or not; narrow layers are skipped."""
    images = torch.randn(8, 1, 8, 8, generator=make_rng())
    assert dead_shares(HalfDead(), images) == [0.25]
    assert dead_shares(nn.Sequential(HalfDead(), nn.ReLU(inplace=True)), images) == [0.25, 0.25]
    assert dead_shares(nn.Sequential(HalfDead(), nn.ReLU6()), images) == [0.25, 0.25]
    assert dead_shares(nn.Sequential(nn.Conv2d(1, 4, 1), nn.ReLU()), images) == []


def test_gradient_sizes_match_a_linear_model_by_hand() -> None:
    """The gradient norm of a linear layer equals the one worked out by hand at the first step."""
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
    """A module whose weight does not affect its output."""

    def __init__(self) -> None:
        super().__init__()
        self.spare = nn.Parameter(torch.ones(2, 2))

    def forward(self, images: Tensor) -> Tensor:
        return images


class OverTheBatch(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1).softmax(0)


def test_sample_leak_detects_outputs_that_depend_on_other_images() -> None:
    """The leak is 0 for batch norm in eval mode and positive for a softmax over the batch."""
    images = torch.randn(4, 1, 8, 8, generator=make_rng())
    network = SmallResNet(8, 4, 10, 1)
    assert sample_leak(network, images) == 0
    assert sample_leak(OverTheBatch(), images) > 0.01
    assert math.isinf(sample_leak(nn.Sequential(HalfDead(), Constant()), images))


class Constant(nn.Module):
    def forward(self, images: Tensor) -> Tensor:
        return images.flatten(1)[:, :3] * 0 + 1


def test_frozen_norms_are_found_by_behaviour() -> None:
    """Norms that ignore the batch are found, torchvision's included; a working norm is not."""
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
def test_learning_rate_is_judged_from_range_test_curve(
    losses: list[float], peak: float, level: Level, words: str
) -> None:
    """The level and advice follow from the losses of rates from 1e-6 to 10, a decade apart."""
    rates = [10.0 ** (place - 6) for place in range(8)]
    finding = read_curve(Curve(rates, losses, peak))
    assert finding.level is level
    assert words in f"{finding.message}: {finding.advice}"


def test_suggested_rate_does_not_depend_on_configured_rate() -> None:
    """The range test suggests rates within a factor of 10 whatever rate is configured."""
    found = []
    for lr in (0.01, 0.1, 1.0):
        curve = range_test(make_setup(tricks={"optimizer": Sgd(lr=lr)}), seconds=30)
        assert curve is not None
        assert curve.peak == pytest.approx(lr)
        assert curve.rates == sorted(curve.rates)
        assert curve.suggested is not None
        found.append(curve.suggested)
    assert max(found) < 10 * min(found)


def test_frozen_layers_of_pretrained_network_are_a_warning(tmp_path: Path) -> None:
    """Frozen layers of a pretrained network are a warning that names them, not a stop."""
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
    """A network that raises an out-of-memory error on more than 16 images."""

    def forward(self, images: Tensor) -> Tensor:
        if len(images) > 16:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return super().forward(images)


def test_batch_too_large_for_memory_is_a_stop() -> None:
    """The finding suggests the largest halved batch size that fits in memory."""
    finding = check_speed(make_setup(build=partial(TakesSixteen, depth=8, width=4)), 1.0)
    assert finding.level is Level.STOP
    assert finding.advice == "batch_size=16 fits"


class FailsInTraining(SmallResNet):
    def forward(self, images: Tensor) -> Tensor:
        if self.training:
            raise KeyError("no such branch")
        return super().forward(images)


def test_check_that_raises_is_reported_as_warning() -> None:
    """A check that raises is reported as a warning, and the other checks still run."""
    recipe = dataclasses.replace(RECIPE, build=partial(FailsInTraining, depth=8, width=4))
    findings = {finding.check: finding for finding in run_preflight(recipe)}
    assert findings["overfit"].level is Level.WARNING
    assert "KeyError" in findings["overfit"].message
    assert findings["samples"].level is Level.OK


def test_network_that_cannot_be_built_is_a_stop() -> None:
    """The finding has the error message of `build_network`."""
    findings = list(run_preflight(dataclasses.replace(RECIPE, build=nn.Flatten)))
    assert findings[-1].level is Level.STOP
    assert "the data have 10 classes" in findings[-1].message
