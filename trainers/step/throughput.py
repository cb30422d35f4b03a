"""How fast a trial steps, by the steps that it would train with; nothing is kept of them."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import torch

from darkmagic.trainers.prepare.trial import Trial
from darkmagic.trainers.recipe import Recipe
from darkmagic.trainers.runtime.device import idle_memory_bytes, peak_memory_bytes, synchronize
from darkmagic.trainers.step.select import choose

__all__ = ["Rate", "measure_rate"]

WARM_UP, BETWEEN = 5, 10  # steps before the clock starts, and between looks at it


@dataclass(frozen=True)
class Rate:
    """Steps a second; the steps of the whole trial; bytes used, and free when it was ready."""

    steps_per_second: float
    steps: int
    memory: int
    free: int


def measure_rate(recipe: Recipe, seconds: float, ready: Callable[[], None]) -> Rate:
    """Return the rate of a trial of `recipe`, measured for `seconds` after `ready` returns.

    `ready` is called when all is warm, and may wait for others to be so too.
    """
    trial = Trial.prepare(recipe)
    trial.network.train()
    steps = trial.recipe.epochs * trial.pipeline.steps_per_epoch
    steps = min(trial.recipe.max_steps or steps, steps)
    trial.hooks.schedule(trial.optimizer, 0.0)
    step, _ = choose(trial, 0, steps)
    batches = trial.pipeline.endless()
    ema_weight = None if trial.average is None else 0.1
    for _ in range(WARM_UP):
        step(*next(batches), ema_weight)
    synchronize(trial.device)
    ready()
    taken, started = 0, time.perf_counter()
    while (elapsed := time.perf_counter() - started) < seconds or not taken:
        for _ in range(BETWEEN):
            trial.hooks.schedule(trial.optimizer, 0.0)
            step(*next(batches), ema_weight)
        synchronize(trial.device)
        taken += BETWEEN
    elapsed = time.perf_counter() - started
    return Rate(taken / elapsed, steps, *_memory(trial.device))


def _memory(device: torch.device) -> tuple[int, int]:
    """Return the bytes that this process holds on the device, and those it leaves free, its own
    held ones counted as free.
    """
    if device.type == "cuda":
        held = torch.cuda.max_memory_reserved(device)
        return held, torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    used = max(0, peak_memory_bytes(device) - idle_memory_bytes())
    text = Path("/proc/meminfo").read_text()
    available = int(text.partition("MemAvailable:")[2].split(maxsplit=1)[0]) * 1024
    return used, available + used
