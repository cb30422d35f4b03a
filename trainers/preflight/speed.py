"""A few training steps exactly as the trial makes them: whether they fit, and what they take."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.setup import Setup
from darkmagic.trainers.runtime.device import synchronize
from darkmagic.trainers.runtime.memory import (
    reset_peak_memory,
    total_memory_bytes,
    used_memory_bytes,
)
from darkmagic.trainers.step.eager import training_step
from darkmagic.trainers.step.timing import time_steps

__all__ = ["Pace", "check_speed", "measure_pace"]

WARM_UP_STEPS, TIMED_STEPS = 2, 10
MAX_WAITING = 0.5  # of a step; below it the device is busy most of the time
MAX_MEMORY = 0.9  # of the device's


@dataclass(frozen=True)
class Pace:
    """Seconds a step, and of them those before the batch was there; peak memory in bytes."""

    step_seconds: float
    waiting_seconds: float
    memory: int


def measure_pace(setup: Setup, seconds: float) -> Pace:
    """Time at most `TIMED_STEPS` steps of the trial, or `seconds`, after the first warmed up."""
    hooks, network = setup.hooks(), setup.network()
    optimizer = hooks.build_optimizer(network, setup.recipe.lr_scale)
    hooks.schedule(optimizer, 0.0)
    batches = setup.training_batches(hooks)
    reset_peak_memory(setup.device)
    waits: list[float] = []

    def step() -> None:
        waits.append(_step(setup, network, hooks, optimizer, batches))

    timing = time_steps(step, setup.device, steps=WARM_UP_STEPS, seconds=seconds)
    if timing.seconds < seconds:  # there is time to leave out the first
        waits.clear()
        timing = time_steps(step, setup.device, steps=TIMED_STEPS, seconds=seconds)
    waiting = sum(waits) / timing.steps
    return Pace(timing.step_seconds, waiting, used_memory_bytes(setup.device))


def _step(
    setup: Setup,
    network: nn.Module,
    hooks: Hooks,
    optimizer: torch.optim.Optimizer,
    batches: Iterator[tuple[Tensor, Tensor]],
) -> float:
    """Take one step; return the seconds until its batch was on the device."""
    started = time.perf_counter()
    images, targets = next(batches)
    synchronize(setup.device)
    waited = time.perf_counter() - started
    training_step(
        network,
        optimizer,
        hooks,
        images,
        targets,
        device=setup.device,
        amp=setup.recipe.amp,
        pieces=setup.recipe.gradient_accumulation,
    )
    return waited


def check_speed(setup: Setup, seconds: float) -> Finding:
    """Check whether a batch fits in memory, its speed, and its wait for images."""
    size = setup.recipe.batch_size
    try:
        pace = measure_pace(setup, seconds)
    except RuntimeError as error:
        if not _is_out_of_memory(error):
            raise
        fits = _what_fits(setup)
        advice = f"batch_size={fits} fits" if fits else "not one image does: a smaller model"
        seen = f"a batch of {size} does not fit in the memory of {setup.device}"
        return Finding("speed", Level.STOP, seen, advice, {"fits": fits})
    rate = min(size, len(setup.data.train)) / pace.step_seconds
    share = pace.waiting_seconds / pace.step_seconds
    seen = (
        f"{rate:,.0f} images/s in batches of {size}; {share:.0%} of a step is waiting for data; "
        f"{pace.memory / 2**20:,.0f} MiB"
    )
    figures = {
        "images_per_second": rate,
        "step_seconds": pace.step_seconds,
        "waiting": share,
        "memory": pace.memory,
    }
    total = total_memory_bytes(setup.device)
    if total is not None and pace.memory > MAX_MEMORY * total:
        advice = "next to no memory is left: other tricks may need more; lower batch_size"
        return Finding("speed", Level.WARNING, seen, advice, figures)
    if share > MAX_WAITING:
        advice = (
            "most of it is augmentation: a lighter one, or a faster device for it"
            if isinstance(setup.data.train.images, Tensor)
            else "raise runtime.workers, or let the images fit in dataset.source.memory_budget"
        )
        return Finding("speed", Level.WARNING, seen, advice, figures)
    return Finding("speed", Level.OK, seen, figures=figures)


def _is_out_of_memory(error: RuntimeError) -> bool:
    return isinstance(error, torch.OutOfMemoryError) or "allocate memory" in str(error)


def _what_fits(setup: Setup) -> int | None:
    """Return the largest half, quarter, ... of the batch that fits."""
    size = setup.recipe.batch_size // 2
    while size >= 1:
        recipe = dataclasses.replace(setup.recipe, batch_size=size)
        try:
            measure_pace(dataclasses.replace(setup, recipe=recipe), 0.0)
        except RuntimeError as error:
            if not _is_out_of_memory(error):
                raise
            size //= 2
        else:
            return size
    return None
