"""How long steps take: the one clock of all that measures them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from darkmagic.trainers.runtime.device import synchronize
from darkmagic.trainers.step.eager import Step

__all__ = ["MIN_SPEEDUP", "ROUNDS", "Timing", "measure_step", "time_steps"]

MIN_SPEEDUP = 1.05
"""Times as fast as eager: less is noise, and a graph holds memory."""
ROUNDS, STEPS = 3, 5


@dataclass(frozen=True)
class Timing:
    """`steps`, 1 or more, that took `seconds` in all."""

    steps: int
    seconds: float

    @property
    def step_seconds(self) -> float:
        """Seconds of one step."""
        return self.seconds / self.steps


def time_steps(
    step: Callable[[], object],
    device: torch.device,
    *,
    steps: int | None = None,
    seconds: float | None = None,
    between: int = 1,
) -> Timing:
    """Take `steps` steps, or steps for `seconds`, whichever ends first; return what they took.

    The clock is read every `between` steps, each time when the device has done its work. So at
    least that many steps are taken, if `steps` are not fewer. One of the two limits is given.
    """
    assert steps is not None or seconds is not None
    taken, elapsed = 0, 0.0
    synchronize(device)
    started = time.perf_counter()
    while taken == 0 or (
        (steps is None or taken < steps) and (seconds is None or elapsed < seconds)
    ):
        count = between if steps is None else min(between, steps - taken)
        for _ in range(count):
            step()
        synchronize(device)
        taken += count
        elapsed = time.perf_counter() - started
    return Timing(taken, elapsed)


def measure_step(step: Step, images: Tensor, targets: Tensor, device: torch.device) -> float:
    """Return the seconds that a step on one batch takes, of `STEPS` in a row."""
    timing = time_steps(lambda: step(images, targets, 0.0), device, steps=STEPS, between=STEPS)
    return timing.step_seconds
