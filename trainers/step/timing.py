"""How long a step takes."""

from __future__ import annotations

import time

import torch
from torch import Tensor

from darkmagic.trainers.runtime.device import synchronize
from darkmagic.trainers.step.eager import Step

__all__ = ["MIN_SPEEDUP", "ROUNDS", "measure"]

MIN_SPEEDUP = 1.05
"""Times as fast as eager: less is noise, and a graph holds memory."""
ROUNDS, STEPS = 3, 5


def measure(step: Step, images: Tensor, targets: Tensor, device: torch.device) -> float:
    """Return the seconds that a step takes, of `STEPS` in a row."""
    synchronize(device)
    started = time.perf_counter()
    for _ in range(STEPS):
        step(images, targets, 0.0)
    synchronize(device)
    return (time.perf_counter() - started) / STEPS
