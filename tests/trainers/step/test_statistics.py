"""Batch normalisation's statistics, computed anew: against torch's `update_bn`."""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import update_bn

from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.step.statistics import recompute_statistics


def _batches() -> list[tuple[Tensor, Tensor]]:
    rng = generator(0, "batches")
    return [(torch.randn(16, 1, 8, 8, generator=rng), torch.zeros(16)) for _ in range(4)]


def test_statistics_are_torchs_update_bn() -> None:
    """Bit for bit, whatever they were; momentum and mode are as before."""
    network = SmallResNet(8, 4, 10, 1).eval()
    for _, buffer in network.named_buffers():
        buffer.add_(1)
    theirs = copy.deepcopy(network)
    update_bn(_batches(), theirs)
    recompute_statistics(network, _batches())
    for (name, ours), expected in zip(network.named_buffers(), theirs.buffers(), strict=True):
        assert torch.equal(ours, expected), name
    assert not network.training
    assert network.stem[1].momentum == 0.1
    assert not network.stem[1]._forward_pre_hooks


def _hold_in_eval(module: nn.Module, inputs: Any) -> None:
    del inputs
    module.eval()


def test_held_norm_keeps_its_statistics_and_later_ones_see_them() -> None:
    """A frozen norm that stays in eval mode is no part of it, as in training."""
    network = SmallResNet(8, 4, 10, 1)
    stem = network.stem[1]
    stem.running_mean.fill_(0.3)
    stem.register_forward_pre_hook(_hold_in_eval)
    recompute_statistics(network, _batches())
    assert stem.running_mean.eq(0.3).all()
    norm = network.blocks[0].bn1
    with torch.no_grad():
        inputs = [network.blocks[0].conv1(network.stem(images)) for images, _ in _batches()]
    expected = torch.stack([maps.mean((0, 2, 3)) for maps in inputs]).mean(0)
    torch.testing.assert_close(norm.running_mean, expected, rtol=1e-4, atol=1e-6)


def test_without_batch_norm_no_batch_is_drawn() -> None:
    """Nothing is asked of the data."""

    def fail() -> Any:
        raise AssertionError("a batch was drawn")
        yield

    recompute_statistics(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), fail())
