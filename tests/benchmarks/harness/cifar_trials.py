"""The trials that several benchmarks train: two networks at CIFAR's size, on drawn images.

Anything that can import darkmagic can train one, whatever started its process.
"""

from __future__ import annotations

import tempfile
from functools import partial
from pathlib import Path
from typing import Any

from darkmagic.trainers.models.library import torchvision_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.train import train
from darkmagic.trainers.tricks.augmentation import AutoAugment
from darkmagic.trainers.tricks.lr_regime import Cosine
from darkmagic.trainers.tricks.optimizer import Sgd
from darkmagic.trainers.tricks.weight_decay import WeightDecay
from harness.pictures import Pictures

__all__ = ["WORKLOADS", "make_recipe", "train_trial"]

WORKLOADS = {
    "ResNet-20, batch 128": (partial(SmallResNet, depth=20, width=16), 128),
    "ResNet-18, batch 512": (partial(torchvision_classifier, name="resnet18"), 512),
}


def make_recipe(
    workload: str, *, seed: int, images: int, epochs: int, device: str, quick: bool, **other: Any
) -> Recipe:
    """Return trial `seed` of a workload; `quick` is a network and images of the smallest size."""
    build, batch = WORKLOADS[workload]
    size = 8 if quick else 32
    if quick:
        build, batch = partial(SmallResNet, depth=8, width=16), 16
    return Recipe(
        dataset=Pictures(images, size, held_out=max(20, images // 10)),
        build=build,
        tricks={
            "lr_regime": Cosine(),
            "optimizer": Sgd(lr=0.05, nesterov=True),
            "augmentation": AutoAugment(),
            "weight_decay": WeightDecay(5e-5),
        },
        epochs=epochs,
        batch_size=batch,
        seed=seed,
        device=device,
        cuda_graphs="auto",
        **other,
    )


def train_trial(options: dict[str, Any], seed: int) -> dict[str, Any]:
    """Train one trial; return what shows that it was equal work."""
    import torch

    if options["device"] == "cpu":
        torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        result = train(make_recipe(seed=seed, **options), Path(folder))
    return {
        "status": result.status,
        "parameters": result.parameters,
        "flops": result.flops,
        "epochs": result.epochs,
        "val_accuracy": result.val_accuracy,
        "stepping": result.stepping,
        "reason": result.reason,
    }
