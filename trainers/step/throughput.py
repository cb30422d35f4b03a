"""How fast a trial steps, by the steps that it would train with; nothing is kept of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch

from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.runtime.memory import free_memory_bytes, used_memory_bytes
from darkmagic.trainers.step.select import choose
from darkmagic.trainers.step.timing import Timing, time_steps

__all__ = ["Rate", "count_steps", "measure_rate", "time_trial"]

WARM_UP_STEPS, STEPS_BETWEEN_READINGS = 5, 10


@dataclass(frozen=True)
class Rate:
    """Steps a second; the steps of the whole trial; bytes used, and free when it was ready."""

    steps_per_second: float
    steps: int
    memory: int
    free: int


def count_steps(trial: Trial) -> int:
    """Return the steps that the whole trial takes."""
    steps = trial.recipe.epochs * trial.pipeline.steps_per_epoch
    return min(trial.recipe.max_steps or steps, steps)


def time_trial(
    trial: Trial,
    *,
    warm_up: int = WARM_UP_STEPS,
    ready: Callable[[], None] | None = None,
    steps: int | None = None,
    seconds: float | None = None,
    between: int = 1,
) -> Timing:
    """Take `warm_up` steps of `trial`, and time `steps` more, or as many as `seconds` allow.

    Steps go as in training: as it would choose them, over its batches. `ready` is called when
    all is warm, and may wait. `between` is the number of steps from reading the clock to reading
    it again. The trial is spoilt: it has begun to train.
    """
    trial.network.train()
    trial.hooks.schedule(trial.optimizer, 0.0)
    step, _ = choose(trial, 0, count_steps(trial))
    batches = trial.pipeline.endless()
    ema_weight = None if trial.average is None else 0.1

    def take() -> None:
        trial.hooks.schedule(trial.optimizer, 0.0)
        step(*next(batches), ema_weight)

    time_steps(take, trial.device, steps=warm_up, between=warm_up)
    if ready is not None:
        ready()
    return time_steps(take, trial.device, steps=steps, seconds=seconds, between=between)


def measure_rate(recipe: Recipe, seconds: float, ready: Callable[[], None]) -> Rate:
    """Return the rate of a trial of `recipe`, measured for `seconds` after `ready` returns.

    `ready` is called when all is warm, and may wait for others to be so too.
    """
    trial = Trial.prepare(recipe)
    timing = time_trial(trial, ready=ready, seconds=seconds, between=STEPS_BETWEEN_READINGS)
    return Rate(1 / timing.step_seconds, count_steps(trial), *_memory(trial.device))


def _memory(device: torch.device) -> tuple[int, int]:
    """Return the bytes that this process holds on the device, and those that others leave it."""
    free = free_memory_bytes(device)
    assert free is not None, "calibration runs where the system says how much memory is free"
    if device.type == "cuda":  # a process keeps what its allocator reserved
        return torch.cuda.max_memory_reserved(device), free
    return used_memory_bytes(device), free
