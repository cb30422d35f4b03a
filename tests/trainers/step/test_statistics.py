"""Batch normalisation's statistics, computed anew: against torch's `update_bn`."""

from __future__ import annotations

import copy
from collections.abc import Callable
from typing import Any

import pytest
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


class _KeepsEval(SmallResNet):
    """A network that holds its norms as its author wrote it: in `train`."""

    def train(self, mode: bool = True) -> _KeepsEval:
        super().train(mode)
        for module in self.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()
        return self


class _FrozenNorm(nn.BatchNorm2d):
    """A norm in train mode that normalises by what it holds."""

    def forward(self, x: Tensor) -> Tensor:
        return nn.functional.batch_norm(x, self.running_mean, self.running_var)


def _frozen_by_class(network: SmallResNet) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.__class__ = _FrozenNorm


def _frozen_by_momentum(network: SmallResNet) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.momentum = 0.0


def _frozen_by_the_networks_hook(network: SmallResNet) -> None:
    def hold(root: nn.Module, inputs: Any) -> None:
        del inputs
        for module in root.modules():
            if isinstance(module, nn.BatchNorm2d):
                module.eval()

    network.register_forward_pre_hook(hold)


def _frozen_by_late_hooks(network: SmallResNet) -> None:
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.register_forward_pre_hook(_hold_in_eval)


def _frozen_by_train(network: SmallResNet) -> None:
    network.__class__ = _KeepsEval


@pytest.mark.parametrize(
    "freeze",
    [
        _frozen_by_class,
        _frozen_by_momentum,
        _frozen_by_the_networks_hook,
        _frozen_by_late_hooks,
        _frozen_by_train,
    ],
    ids=lambda freeze: freeze.__name__,
)
def test_frozen_norms_keep_their_statistics_however_they_are_frozen(
    freeze: Callable[[SmallResNet], None],
) -> None:
    """By a class, a momentum of 0, hooks of the norms or of the network, or its `train`."""
    network = SmallResNet(8, 4, 10, 1)
    for name, buffer in network.named_buffers():
        if "running" in name:
            buffer.uniform_(0.5, 2)
    freeze(network)
    before = copy.deepcopy(network.state_dict())
    recompute_statistics(network, _batches())
    for name, value in network.state_dict().items():
        assert "running" not in name or torch.equal(value, before[name]), name


def test_dropout_draws_what_it_would_without_the_look_at_frozen_norms() -> None:
    """The pass that finds them leaves the generator as it was."""
    drops = nn.Sequential(nn.Flatten(), nn.Dropout(0.5), nn.Linear(64, 4), nn.BatchNorm1d(4))
    theirs = copy.deepcopy(drops)
    torch.manual_seed(0)
    update_bn(_batches(), theirs)
    torch.manual_seed(0)
    recompute_statistics(drops, _batches())
    assert torch.equal(drops[3].running_mean, theirs[3].running_mean)


def test_without_batch_norm_no_batch_is_drawn() -> None:
    """Nothing is asked of the data."""

    def fail() -> Any:
        raise AssertionError("a batch was drawn")
        yield

    recompute_statistics(nn.Sequential(nn.Flatten(), nn.Linear(4, 2)), fail())
