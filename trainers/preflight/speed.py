"""A few training steps exactly as the trial makes them: whether they fit, and what they take."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from darkmagic.trainers.hooks import Hooks
from darkmagic.trainers.preflight.finding import Finding, Level
from darkmagic.trainers.preflight.setup import Setup
from darkmagic.trainers.runtime.device import (
    idle_memory_bytes,
    peak_memory_bytes,
    reset_peak_memory,
    synchronize,
)
from darkmagic.trainers.step.eager import training_step

__all__ = ["Pace", "check_speed", "measure_pace"]

WARM_UP, STEPS = 2, 10
WAITING = 0.5  # of a step; below it the device is busy most of the time
FULL = 0.9  # of the memory


@dataclass(frozen=True)
class Pace:
    """Seconds a step, and of them those before the batch was there; peak memory in bytes."""

    step_seconds: float
    waiting_seconds: float
    memory: int


def measure_pace(setup: Setup, seconds: float) -> Pace:
    """Take at most `STEPS` steps of the trial, or for `seconds`, after the first warmed up."""
    hooks, network = setup.hooks(), setup.network()
    optimizer = hooks.build_optimizer(network, setup.recipe.lr_scale)
    hooks.schedule(optimizer, 0.0)
    batches = setup.training_batches(hooks)
    reset_peak_memory(setup.device)
    steps, waited, started = -WARM_UP, 0.0, time.perf_counter()
    while steps < STEPS:
        waited += _step(setup, network, hooks, optimizer, batches)
        steps += 1
        elapsed = time.perf_counter() - started
        if elapsed > seconds and steps <= 0:
            steps += WARM_UP  # there is no time to leave out the first
        if elapsed > seconds:
            break
        if steps == 0:
            waited, started = 0.0, time.perf_counter()
    each = (time.perf_counter() - started) / steps
    used = peak_memory_bytes(setup.device)
    memory = used if setup.device.type == "cuda" else max(0, used - idle_memory_bytes())
    return Pace(each, waited / steps, memory)


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
    )
    synchronize(setup.device)
    return waited


def check_speed(setup: Setup, seconds: float) -> Finding:
    """Say whether a batch fits, how fast it goes, and how long it waits for its images."""
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
    total = _memory_of(setup.device)
    if total is not None and pace.memory > FULL * total:
        advice = "next to no memory is left: other tricks may need more; lower batch_size"
        return Finding("speed", Level.WARNING, seen, advice, figures)
    if share > WAITING:
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


def _memory_of(device: torch.device) -> int | None:
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return None
    return int(text.partition("MemTotal:")[2].split(maxsplit=1)[0]) * 1024
