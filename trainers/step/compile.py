"""A network's training pass compiled by inductor: once for each architecture, if it pays.

Compiled code stays in a folder that all trials share, and the first to compile an architecture
holds a lock that others wait for, so that minutes are spent once and not once a trial.
"""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import os
from pathlib import Path

import torch
from filelock import FileLock
from torch import Tensor, nn

from darkmagic.trainers.errors import format_error
from darkmagic.trainers.step.eager import EagerStep
from darkmagic.trainers.step.timing import MIN_SPEEDUP, ROUNDS, measure_step

__all__ = ["architecture_key", "compile_if_faster"]


def architecture_key(eager: EagerStep, images: Tensor) -> str:
    """Return 16 hex digits that networks share whose compiled code is the same."""
    parts = (
        eager.network,
        tuple(images.shape),
        images.stride(),
        eager.device.type,
        eager.amp,
        torch.__version__,
    )
    return hashlib.sha256("\n".join(map(str, parts)).encode()).hexdigest()[:16]


def compile_if_faster(
    eager: EagerStep, images: Tensor, targets: Tensor, cache: Path
) -> tuple[EagerStep, str]:
    """Return the step with its network compiled, or as it was where that is no faster, and why.

    Inductor has lost channels-last layouts in backward passes before, so it is measured. The
    steps taken to find out leave no trace. Code is kept under `cache`.
    """
    key = architecture_key(eager, images)
    folder = cache / "inductor"
    folder.mkdir(parents=True, exist_ok=True)
    os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(folder)  # which torch itself sets by now
    compiled: nn.Module = torch.compile(eager.network, dynamic=False)  # type: ignore[assignment]
    step = dataclasses.replace(eager, forward=compiled)
    rewind = eager.rewind()
    done = folder / f"{key}.done"
    try:
        with contextlib.nullcontext() if done.exists() else FileLock(folder / f"{key}.lock"):
            step(images, targets, 0.0)
            done.touch()
    except RuntimeError as error:  # of dynamo and inductor
        rewind.restore()
        return eager, f"not compiled: {format_error(error)}"
    pairs = [
        (
            measure_step(eager, images, targets, eager.device),
            measure_step(step, images, targets, eager.device),
        )
        for _ in range(ROUNDS + 1)
    ][1:]
    rewind.restore()
    times = min(pair[0] for pair in pairs) / min(pair[1] for pair in pairs)
    if times < MIN_SPEEDUP:
        return eager, f"not compiled: that is {times:.2f} times as fast"
    return step, f"compiled: {times:.2f} times as fast"
