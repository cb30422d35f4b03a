"""Networks, and what is found out about them by running them."""

from __future__ import annotations

import copy
from functools import partial

import pytest
import torch
from darkmagic.trainers.models.build import build_network, input_channels
from darkmagic.trainers.models.library import timm_classifier, torchvision_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.models.trace import trace
from torch import nn


@pytest.mark.parametrize(("depth", "millions"), [(20, 0.27), (32, 0.46)])
def test_small_resnets_have_the_papers_sizes(depth: int, millions: float) -> None:
    """He et al. 2016, table 6; projections instead of padding add a little."""
    count = sum(p.numel() for p in SmallResNet(depth, 16, 10, 3).parameters())
    assert count / 1e6 == pytest.approx(millions, abs=0.01)


def test_small_resnet_halves_twice() -> None:
    """Three stages, each half the resolution and twice the width of the one before."""
    seen = trace(SmallResNet(8, 4, 10, 1), torch.zeros(2, 1, 16, 16))
    outputs = [call.out_shape[1:] for call in seen.calls if call.is_conv]
    assert (4, 16, 16) in outputs
    assert outputs[-1] == (16, 4, 4)


@pytest.mark.parametrize("depth", [7, 9, 2])
def test_other_depths_are_refused(depth: int) -> None:
    """They would have half a block."""
    with pytest.raises(ValueError, match="6n"):
        SmallResNet(depth)


def test_factories_get_what_they_accept() -> None:
    """Classes, partials and functions, with fewer names or more."""
    sizes = {"num_classes": 7, "in_channels": 1, "image_size": (8, 8)}
    assert build_network(partial(SmallResNet, depth=8, width=4), **sizes).head.out_features == 7

    def plain(num_classes: int) -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 2, 3), nn.Flatten(), nn.Linear(72, num_classes))

    network = build_network(plain, **sizes)
    assert input_channels(network) == 3


def test_wrong_number_of_classes_is_said() -> None:
    """Before anything is trained."""
    fixed = partial(SmallResNet, depth=8, width=4, num_classes=3)
    with pytest.raises(ValueError, match="the data have 10 classes"):
        build_network(lambda: fixed(), num_classes=10, in_channels=3, image_size=(8, 8))


def test_resnet18_gets_the_cifar_stem() -> None:
    """3x3 and stride 1 in place of 7x7 and stride 2, no pooling; large images keep the stem."""
    small = torchvision_classifier("resnet18", 10, (32, 32))
    assert small.conv1.kernel_size == (3, 3)
    assert small.conv1.stride == (1, 1)
    assert isinstance(small.maxpool, nn.Identity)
    large = torchvision_classifier("resnet18", 10, (224, 224))
    assert large.conv1.kernel_size == (7, 7)


@pytest.mark.parametrize("name", ["mobilenet_v2", "vgg11_bn", "densenet121", "convnext_tiny"])
def test_any_classifier_takes_small_images(name: str) -> None:
    """Forward and backward at 32 x 32."""
    network = torchvision_classifier(name, 10, (32, 32))
    logits = network(torch.randn(2, 3, 32, 32))
    assert logits.shape == (2, 10)
    logits.sum().backward()


def test_unknown_names_get_the_nearest() -> None:
    """Of torchvision's and of timm's."""
    with pytest.raises(ValueError, match="resnet18"):
        torchvision_classifier("resnet81", 10, (32, 32))
    with pytest.raises(ValueError, match="resnet26d"):
        timm_classifier("resnet26dd", 10, 3, (32, 32))


def test_tracing_leaves_no_trace() -> None:
    """Weights, statistics, modes, hooks and the random generator stay as they were."""
    network = SmallResNet(8, 4, 10, 3).train()
    network.stem.eval()
    before = copy.deepcopy(network.state_dict())
    state = torch.get_rng_state()
    trace(network, torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0)))
    assert torch.equal(torch.get_rng_state(), state)
    assert all(torch.equal(before[k], v) for k, v in network.state_dict().items())
    assert network.training
    assert not network.stem.training
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in network.modules())


def test_tracing_finds_the_residual_branches() -> None:
    """The last layer of each, and where its block begins."""
    network = SmallResNet(8, 4, 10, 3)
    seen = trace(network, torch.zeros(2, 3, 8, 8))
    ends = [seen.calls[a.branch].name for a in seen.additions if a.branch is not None]
    assert ends == ["blocks.0.bn2", "blocks.1.bn2", "blocks.2.bn2"]
    assert [a.inside for a in seen.additions] == ["blocks.0", "blocks.1", "blocks.2"]
