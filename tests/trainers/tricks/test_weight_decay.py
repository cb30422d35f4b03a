"""weight_decay: what decays."""

from __future__ import annotations

import torch

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.tricks.weight_decay import WeightDecay

CONTRACT = {"changes": ["update", "weight_decay"]}


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
