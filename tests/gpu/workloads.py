"""What the checks in this folder train: drawn images, and three networks."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from torch import Tensor, nn

from darkmagic.trainers.models.library import torchvision_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.lr_regime import Cosine
from darkmagic.trainers.tricks.optimizer import Sgd
from darkmagic.trainers.tricks.weight_decay import WeightDecay
from harness.pictures import CLASSES, Pictures

__all__ = ["WORKLOADS", "AirbenchNet", "make_recipe"]


class _Group(nn.Sequential):
    def __init__(self, inputs: int, channels: int) -> None:
        super().__init__(
            nn.Conv2d(inputs, channels, 3, padding="same", bias=False),
            *(nn.MaxPool2d(2), nn.BatchNorm2d(channels), nn.GELU()),
            nn.Conv2d(channels, channels, 3, padding="same", bias=False),
            *(nn.BatchNorm2d(channels), nn.GELU()),
        )


class AirbenchNet(nn.Sequential):
    """The layers of airbench94 (https://github.com/KellerJordan/cifar10-airbench), untrained."""

    def __init__(self, num_classes: int = CLASSES, in_channels: int = 3) -> None:
        super().__init__(
            *(nn.Conv2d(in_channels, 24, 2), nn.GELU()),
            *(_Group(24, 64), _Group(64, 256), _Group(256, 256)),
            *(nn.MaxPool2d(3), nn.Flatten(), nn.Linear(256, num_classes, bias=False)),
        )


WORKLOADS: Mapping[str, tuple[Callable[..., nn.Module], int]] = {
    "ResNet-20, batch 128": (partial(SmallResNet, depth=20, width=16), 128),
    "ResNet-18, batch 512": (partial(torchvision_classifier, name="resnet18"), 512),
    "airbench94's layers, batch 1024": (AirbenchNet, 1024),
}


def make_recipe(
    workload: str,
    *,
    device: str,
    seed: int = 0,
    count: int = 12_800,
    epochs: int = 100,
    tricks: Mapping[str, Trick] | None = None,
    quick: bool = False,
    **other: Any,
) -> Recipe:
    """Return a trial of `workload`; `quick` is the smallest size that runs the same code."""
    build, batch = WORKLOADS[workload]
    if quick:
        build = partial(SmallResNet, depth=8, width=8) if build is not AirbenchNet else build
        batch, count = 16, 64
    return Recipe(
        dataset=Pictures(count, held_out=32 if quick else 1_000),
        build=build,
        tricks={
            "lr_regime": Cosine(),
            "optimizer": Sgd(0.05, nesterov=True),
            "weight_decay": WeightDecay(5e-4),
            **(tricks or {}),
        },
        epochs=epochs,
        batch_size=batch,
        seed=seed,
        device=device,
        **other,
    )


def half_but_norms(network: nn.Module) -> nn.Module:
    """Return `network` in half precision, norms left in single, as airbench trains."""
    network = network.half()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.float()
    return network


def loss_of(logits: Tensor, targets: Tensor) -> Tensor:
    """Return cross-entropy in single precision."""
    return nn.functional.cross_entropy(logits.float(), targets)
