"""What every side of `one_trial.py` trains: images, network, numbers. Theirs is only the loop."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from darkmagic.trainers.models.resnet import SmallResNet
from darkmagic.trainers.outputs.result import count_flops, count_parameters

CLASSES, SIDE, PAD = 10, 32, 4
MEAN, STD = (0.5, 0.5, 0.5), (0.25, 0.25, 0.25)
LR, MOMENTUM, WEIGHT_DECAY = 0.1, 0.9, 5e-4
DEVICE = torch.device("cuda" if torch.cuda.is_available() else "cpu")
PRECISION = torch.bfloat16 if DEVICE.type == "cuda" else torch.float32


@cache
def pictures(count: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Return images (N, 32, 32, 3), uint8, and classes (N,), learned in a few epochs.

    A coarse pattern a class, under another one that changes from image to image, and noise.
    """
    rng = np.random.default_rng(seed)
    patterns = np.random.default_rng(0).normal(size=(CLASSES, 4, 4, 3))
    classes = np.arange(count) % CLASSES
    coarse = 25 * patterns[classes] + 35 * rng.normal(size=(count, 4, 4, 3))
    images = coarse.repeat(SIDE // 4, 1).repeat(SIDE // 4, 2)
    images = images + rng.normal(0, 25, images.shape) + 128
    return images.clip(0, 255).astype(np.uint8), classes


def network(depth: int, seed: int = 0) -> nn.Module:
    """Return a ResNet of `depth` layers for CIFAR's size, its weights drawn from `seed`."""
    torch.manual_seed(seed)
    return SmallResNet(depth)


def parameter_groups(model: nn.Module) -> list[dict[str, object]]:
    """Return weights, which decay, and biases and norms, which do not."""
    return [
        {"params": [p for p in model.parameters() if p.ndim > 1], "weight_decay": WEIGHT_DECAY},
        {"params": [p for p in model.parameters() if p.ndim <= 1], "weight_decay": 0.0},
    ]


def cosine(step: int, steps: int) -> float:
    """Return the factor of the learning rate at `step` of `steps`."""
    return (1 + math.cos(math.pi * min(step, steps) / steps)) / 2


def work(model: nn.Module) -> dict[str, int]:
    """Return what a side is to have in common with the others."""
    weight = next(model.parameters())
    example = torch.zeros(2, 3, SIDE, SIDE, device=weight.device, dtype=weight.dtype)
    return {"parameters": count_parameters(model), "flops": count_flops(model, example)}


def synchronize() -> None:
    """Wait for the GPU, where there is one."""
    if DEVICE.type == "cuda":
        torch.cuda.synchronize()


@torch.inference_mode()
def accuracy_of(model: nn.Module, count: int = 1000) -> float:
    """Return the share of `count` new images that `model` gets right."""
    pixels, classes = pictures(count, seed=1)
    images = torch.from_numpy(pixels).permute(0, 3, 1, 2).float().div(255)
    mean, std = (torch.tensor(v).view(-1, 1, 1) for v in (MEAN, STD))
    model.eval()
    with torch.autocast(DEVICE.type, PRECISION, enabled=DEVICE.type == "cuda"):
        logits: Tensor = model(((images - mean) / std).to(DEVICE))
    model.train()
    return (logits.argmax(1).cpu() == torch.from_numpy(classes)).float().mean().item()


def answers(
    make_loop: Callable[..., Any], make_loader: Callable[[int, int, str, int], Any]
) -> tuple[Callable[..., dict[str, float]], Callable[..., float]]:
    """Return what a side made of a loop and a loader answers: `rate` and `accuracy`.

    `make_loop(depth, channels_last=, steps=, seed=)` has a `model` and an `epoch(batches)` that
    returns the images after the first batch and their seconds; `make_loader` takes the number
    of images, the batch, the augmentation and the number of workers.
    """
    kept: dict[tuple[object, ...], tuple[Any, Any]] = {}

    def rate(
        depth: int, count: int, batch: int, augmentation: str, workers: int, channels_last: bool
    ) -> dict[str, float]:
        """Return images/s of an epoch after its first batch, and how many it trained."""
        key = (depth, count, batch, augmentation, workers, channels_last)
        if key not in kept:
            kept.clear()  # and end the other loader's workers
            loop = make_loop(depth, channels_last=channels_last, steps=10**6)
            kept[key] = loop, make_loader(count, batch, augmentation, workers)
        loop, batches = kept[key]
        images, seconds = loop.epoch(batches)
        return {"rate": images / seconds, "images": images + batch, **work(loop.model)}

    def accuracy(depth: int, count: int, batch: int, epochs: int, seed: int) -> float:
        """Return the accuracy on new images after `epochs` of standard augmentation."""
        batches = make_loader(count, batch, "standard", 0)
        steps = epochs * len(batches)
        loop = make_loop(depth, channels_last=True, steps=steps, seed=seed)
        for _ in range(epochs):
            loop.epoch(batches)
        return accuracy_of(loop.model)

    return rate, accuracy
