"""norm_weight_decay: biases and norms in the group that decays."""

from __future__ import annotations

import copy

import pytest
import torch

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.norm_weight_decay import NormWeightDecay
from darkmagic.trainers.tricks.optimizer import Sgd
from darkmagic.trainers.tricks.weight_decay import WeightDecay


@pytest.mark.parametrize("first", [True, False])
def test_norms_decay_in_either_order(first: bool) -> None:
    """Before weight_decay in the configuration or after it."""
    norms, decay = {"norms": NormWeightDecay()}, {"decay": WeightDecay(0.5)}
    tricks: dict[str, Trick] = {**norms, **decay} if first else {**decay, **norms}
    network = SmallResNet(8, 4, 10, 1)
    optimizer = Hooks(tricks, 0).build_optimizer(network)
    decayed = [p for g in optimizer.param_groups if g["weight_decay"] == 0.5 for p in g["params"]]
    assert {id(p) for p in decayed} == {id(p) for p in network.parameters()}


def test_norms_decay_shrinks_scales() -> None:
    """With no gradient but decay, every parameter shrinks, those of norms too."""
    network = SmallResNet(8, 4, 10, 1)
    before = copy.deepcopy(network.state_dict())
    tricks = {"norms": NormWeightDecay(), "decay": WeightDecay(0.5), "sgd": Sgd(lr=0.1)}
    optimizer = Hooks(tricks, 0).build_optimizer(network)
    for parameter in network.parameters():
        parameter.grad = torch.zeros_like(parameter)
    optimizer.step()
    for name, parameter in network.named_parameters():
        assert torch.allclose(parameter, before[name] * 0.95), name
