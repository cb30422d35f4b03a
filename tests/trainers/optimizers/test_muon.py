"""Muon with AdamW as one optimizer, against torch's two."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.optimizers.muon import MuonAndAdamW
from darkmagic.trainers.runtime.randomness import generator
from darkmagic.trainers.trick import NotApplicable
from darkmagic.trainers.tricks.optimizer import Muon
from darkmagic.trainers.tricks.weight_decay import WeightDecay


def test_muon_matches_torch_on_flattened_kernels() -> None:
    """Hidden weights match torch.optim.Muon and all others AdamW, in channels_last too."""
    ours, theirs = (_network() for _ in range(2))
    ours = ours.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    trick = Muon(lr=0.02, adamw_lr=1e-3, decay_lr=0.02, decay_momentum=0.0)
    optimizer = Hooks({"muon": trick, "wd": WeightDecay(0.1)}, seed=0).build_optimizer(ours)
    inside = {n: p for n, p in theirs.named_parameters() if n.startswith("blocks") and p.ndim > 1}
    assert len(inside) == 8
    flat = {n: p.detach().flatten(1).requires_grad_() for n, p in inside.items()}
    ends = [theirs.stem[0].weight, theirs.head.weight]
    rest = [p for p in theirs.parameters() if p.ndim <= 1]
    muon = torch.optim.Muon(flat.values(), lr=0.02, momentum=0.95, weight_decay=0.1)
    adamw = torch.optim.AdamW(
        [{"params": ends, "weight_decay": 2.0}, {"params": rest, "weight_decay": 0.0}],
        lr=1e-3,
        betas=(0.9, 0.95),
    )
    rng = generator(0, "gradients")
    for _ in range(3):
        for p, (name, q) in zip(ours.parameters(), theirs.named_parameters(), strict=True):
            q.grad = torch.randn(p.shape, generator=rng)
            p.grad = q.grad.clone(memory_format=torch.preserve_format)
            if name in flat:
                flat[name].grad = q.grad.flatten(1)
        for each in (optimizer, muon, adamw):
            each.step()
    for p, q in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(p, q, atol=3e-4)  # bfloat16 sums in another order
    optimizer.zero_grad()
    assert all(p.grad is None for p in ours.parameters())


def _network() -> SmallResNet:
    torch.manual_seed(0)
    return SmallResNet(8, 4, 10, 1)


def test_first_muon_update_is_nearly_orthogonal() -> None:
    """The singular values of a hidden weight's first update are near the learning rate."""
    network = _network()
    before = {n: p.detach().clone() for n, p in network.named_parameters()}
    optimizer = Hooks({"muon": Muon(lr=0.02)}, seed=0).build_optimizer(network)
    assert isinstance(optimizer, MuonAndAdamW)
    network(torch.randn(8, 1, 8, 8, generator=generator(0, "x"))).square().sum().backward()
    optimizer.step()
    name = "blocks.1.conv2.weight"
    update = (before[name] - network.get_parameter(name)).detach().flatten(1)
    singular = torch.linalg.svdvals(update) / 0.02
    assert 0.5 < singular.min() < singular.max() < 1.5


def test_muon_is_not_applicable_without_a_hidden_layer() -> None:
    """A network of two layers has no hidden weight, so that Muon is not applicable."""
    network = nn.Sequential(nn.Conv2d(1, 2, 1), nn.Flatten(), nn.Linear(2, 2))
    with pytest.raises(NotApplicable, match="between the first and the last"):
        Hooks({"muon": Muon()}, seed=0).build_optimizer(network)
