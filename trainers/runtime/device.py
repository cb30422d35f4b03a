"""Where to train and in which precision."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Iterator

import torch

__all__ = [
    "autocast",
    "forbid_waiting",
    "pick_device",
    "precision",
    "synchronize",
]

TENSOR_CORES = (7, 0)
"""Compute capability of the first GPUs that have them, in fp16: V100."""


def pick_device(name: str) -> torch.device:
    """Return the device called `name`; `auto` is the first GPU, or the CPU without one.

    A GPU becomes this process's own, where streams, captures and generators go by default.
    Raises `ValueError`, one line, for a device that is not here.
    """
    if name == "auto":
        name = "cuda" if torch.cuda.is_available() else "cpu"
    try:
        device = torch.device(name)
    except RuntimeError:
        raise ValueError(f"device={name!r}: choose from auto, cpu, cuda, cuda:0, mps") from None
    if device.type == "cuda" and not torch.cuda.is_available():
        raise ValueError(f"device={name!r}: torch sees no GPU here; use device=auto or device=cpu")
    if device.type == "mps" and not torch.backends.mps.is_available():
        raise ValueError(
            f"device={name!r}: torch sees no GPU of Apple's here; use device=auto or device=cpu"
        )
    if device.type == "cuda":
        count = torch.cuda.device_count()
        if (device.index or 0) >= count:
            seen = ", ".join(f"cuda:{index}" for index in range(count))
            raise ValueError(f"device={name!r}: the GPUs that torch sees here are {seen}")
        torch.cuda.set_device(device.index or 0)
    return device


@contextlib.contextmanager
def forbid_waiting() -> Iterator[None]:
    """Raise `RuntimeError` where anything within waits for the GPU."""

    def set_mode(mode: int | str) -> None:
        with warnings.catch_warnings():  # torch's: that this mode is a prototype
            warnings.simplefilter("ignore")
            torch.cuda.set_sync_debug_mode(mode)

    before = torch.cuda.get_sync_debug_mode()
    set_mode("error")
    try:
        yield
    finally:
        set_mode(before)


def autocast(device: torch.device, amp: str) -> contextlib.AbstractContextManager[object]:
    """Return the context of a forward pass under `amp`: auto, bf16, fp16 or off."""
    dtype = precision(device, amp)
    return contextlib.nullcontext() if dtype is None else torch.autocast(device.type, dtype=dtype)


def precision(device: torch.device, amp: str) -> torch.dtype | None:
    """Return in what `amp` (auto, bf16, fp16 or off) computes on `device`; None is float32.

    `auto` is bf16 on a GPU that computes in it, fp16 on one that has tensor cores for that alone,
    and off elsewhere: half precision brings no speed on a CPU, and a trial's numbers would depend
    on the processor's model.
    """
    if amp == "auto":
        return _gpu_precision() if device.type == "cuda" else None
    return {"bf16": torch.bfloat16, "fp16": torch.float16, "off": None}[amp]


@functools.cache
def _gpu_precision() -> torch.dtype | None:
    """Return the half precision of the GPU itself: emulation halves the speed."""
    if torch.cuda.is_bf16_supported(including_emulation=False):
        return torch.bfloat16
    return torch.float16 if torch.cuda.get_device_capability() >= TENSOR_CORES else None


def synchronize(device: torch.device) -> None:
    """Wait for queued work, so that the clock reads what was done."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
