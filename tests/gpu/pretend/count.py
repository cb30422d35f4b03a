"""Kernels that a batch and a step launch, by a GPU pretended on the CPU: a line a recipe.

    bash tests/gpu/pretend/run.sh count.py

Ends with code 1 where a recipe launches more than `LIMITS` say, or anything waits for the device.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from darkmagic.trainers.data.base import Data, Split
from darkmagic.trainers.models.library import torchvision_classifier
from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.prepare.pipeline import MOST_JOINED
from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.step.select import make_eager
from darkmagic.trainers.trick import Trick
from darkmagic.trainers.tricks.augmentation import (
    AutoAugment,
    RandAugment,
    Standard,
    TrivialAugment,
)
from darkmagic.trainers.tricks.ema import Ema
from darkmagic.trainers.tricks.gradient_centralization import GradientCentralization
from darkmagic.trainers.tricks.gradient_clipping import GradientClipping
from darkmagic.trainers.tricks.lr_regime import Cosine
from darkmagic.trainers.tricks.mixup import Mixup
from darkmagic.trainers.tricks.optimizer import (
    AdamW,
    Lion,
    Muon,
    Sam,
    ScheduleFree,
    Sgd,
)
from darkmagic.trainers.tricks.swa import Swa
from darkmagic.trainers.tricks.weight_decay import WeightDecay
from pretend_gpu import pretended_gpu

CLASSES = 10
LIMITS = {
    "ResNet-20, SGD": (1.5, 207),
    "bf16": (1.5, 256),
    "EMA": (1.5, 212),
    "SWA": (1.5, 212),
    "clipping": (1.5, 343),
    "centralized": (1.5, 273),
    "AdamW": (1.5, 209),
    "Lion": (1.5, 223),
    "Sam": (1.5, 483),
    "Muon": (1.5, 390),
    "ScheduleFree": (1.5, 249),
    "AutoAugment": (11.5, 0),
    "RandAugment": (15, 0),
    "TrivialAugment": (8.5, 0),
    "Standard": (3.5, 0),
    "mixup": (5.5, 0),
    "ResNet-18, bf16": (1.5, 241),
}
"""Of each recipe: kernels a batch and a step at most, which are those of today."""
KERNELS = {"convolution_backward": 2}
"""Of operators that are more than one."""
RESNET_20 = partial(SmallResNet, depth=20, width=16)
RESNET_18 = partial(torchvision_classifier, name="resnet18")


@dataclass(frozen=True)
class Noise:
    """`count` images (3, 32, 32) of noise."""

    count: int

    def load(self, split_seed: int) -> Data:
        """Return the splits, always the same."""
        rng = torch.Generator().manual_seed(split_seed)

        def split(count: int) -> Split:
            shape = (count, 3, 32, 32)
            images = torch.randint(0, 256, shape, generator=rng, dtype=torch.uint8)
            return Split(images, torch.arange(count) % CLASSES)

        return Data(
            *(split(self.count), split(64), split(64)),
            classes=tuple(map(str, range(CLASSES))),
            channels=3,
            size=(32, 32),
            mean=(0.5,) * 3,
            std=(0.25,) * 3,
            flip=True,
            pad=4,
        )


def count(
    name: str,
    build: Callable[..., nn.Module],
    batch: int = 128,
    *,
    step: bool = True,
    bf16: bool = False,
    **tricks: Trick,
) -> list[str]:
    """Print what a batch of `batch` and, if asked for, a step of the recipe launch.

    A batch is the mean over as many as are prepared together.
    """
    every = {"lr_regime": Cosine(), "weight_decay": WeightDecay(5e-4), **tricks}
    amp = "bf16" if bf16 else "off"
    recipe = Recipe(Noise(2 * MOST_JOINED * batch), build, every, 4, batch, device="cuda", amp=amp)
    with pretended_gpu(bf16=bf16) as mode:
        trial = Trial.prepare(recipe)
        trial.network.train()
        trial.hooks.schedule(trial.optimizer, 0.3)
        batches = trial.pipeline.training_epoch(0)
        for _ in range(MOST_JOINED - 1):  # those of 1, 2, 4, ... that are joined before the most
            images, targets = next(batches)
        mode.clear()
        for _ in range(MOST_JOINED):
            next(batches)
        made = _kernels(mode.launches) / MOST_JOINED
        copied = sum(mode.copies.values()) / MOST_JOINED
        line = f"{name}: a batch {made:.1f}, {copied:.1f} copies, {mode.waits}"
        waits, taken = list(mode.waits), 0
        if step:
            eager, _ = make_eager(trial)
            few = images[:4].contiguous(memory_format=torch.channels_last), targets[:4]
            eager(*few, 0.1)
            mode.clear()
            trial.hooks.schedule(trial.optimizer, 0.31)
            eager(*few, 0.2)
            most = ", ".join(f"{key} {times}" for key, times in mode.launches.most_common(12))
            taken = _kernels(mode.launches)
            waits += mode.waits
            line += f"; a step {taken}, {dict(mode.copies)}, {mode.waits}: {most}"
        print(line, flush=True)
    problems = [f"waits: {waits}"] if waits else []
    for what, found, most_allowed in zip(
        ("a batch", "a step"), (made, taken), LIMITS[name], strict=True
    ):
        if found > most_allowed:
            problems.append(f"{what} launches {found:.1f}, and {most_allowed} are the limit")
    return [f"{name}: {problem}" for problem in problems]


def _kernels(launches: Counter[str]) -> int:
    return sum(KERNELS.get(name, 1) * times for name, times in launches.items())


def main() -> None:
    """Count the recipes of the checklists, and hold them to their limits."""
    torch.set_num_threads(1)
    sgd = Sgd(nesterov=True)
    problems = count("ResNet-20, SGD", RESNET_20, optimizer=sgd)
    problems += count("bf16", RESNET_20, bf16=True, optimizer=sgd)
    problems += count("EMA", RESNET_20, optimizer=sgd, ema=Ema(0.99))
    problems += count("SWA", RESNET_20, optimizer=sgd, swa=Swa())
    problems += count("clipping", RESNET_20, optimizer=sgd, gradient_clipping=GradientClipping())
    centralization = GradientCentralization()
    problems += count("centralized", RESNET_20, optimizer=sgd, centralization=centralization)
    for optimizer in (AdamW(), Lion(), Sam(), Muon(), ScheduleFree()):
        problems += count(type(optimizer).__name__, RESNET_20, optimizer=optimizer)
    for augmentation in (AutoAugment(), RandAugment(), TrivialAugment(), Standard()):
        name = type(augmentation).__name__
        problems += count(name, RESNET_20, step=False, augmentation=augmentation)
    problems += count("mixup", RESNET_20, step=False, mixup=Mixup())
    problems += count("ResNet-18, bf16", RESNET_18, bf16=True, optimizer=sgd)
    sys.exit("\n".join(problems) or 0)


if __name__ == "__main__":
    main()
