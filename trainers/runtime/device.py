"""Where to train and in which precision."""

from __future__ import annotations

import contextlib
import functools
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode

__all__ = ["autocast", "forbid_waiting", "pick_device", "precision", "synchronize", "widest_float"]

TENSOR_CORES = (7, 0)
"""Compute capability of the first GPUs that have them, in fp16: V100."""
TRANSPOSED = (torch.conv_transpose1d, torch.conv_transpose2d, torch.conv_transpose3d)
CONVOLUTIONS = (torch.conv1d, torch.conv2d, torch.conv3d, *TRANSPOSED)


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


@contextlib.contextmanager
def autocast(device: torch.device, amp: str) -> Iterator[None]:
    """Compute the forward pass within under `amp`: auto, bf16, fp16 or off."""
    dtype = precision(device, amp)
    with contextlib.ExitStack() as stack:
        if dtype is not None:
            stack.enter_context(torch.autocast(device.type, dtype=dtype))
        if dtype is torch.bfloat16 and device.type == "cpu":
            stack.enter_context(_NarrowInFloat32())
        yield


class _NarrowInFloat32(TorchFunctionMode):
    """Convolutions of maps that are narrower than the stride, in float32.

    Of those in bf16, oneDNN leaves parts of the weights' gradient unwritten, whatever the memory
    held before (torch 2.15 with oneDNN 3.13, on processors with AVX-512). Such maps are of a few
    pixels, so that float32 costs nothing.
    """

    def __torch_function__(
        self,
        func: Callable[..., Any],
        types: Any,
        args: tuple[Any, ...] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        given = dict(kwargs or {})
        result = func(*args, **given)
        if func not in CONVOLUTIONS:
            return result
        named = dict(zip(("input", "weight", "bias", "stride"), args, strict=False)) | given
        narrowed = result if func in TRANSPOSED else named["input"]
        if not _is_narrower(narrowed, named["weight"].dim() - 2, named.get("stride", 1)):
            return result
        with torch.autocast("cpu", enabled=False):
            exact = func(*map(_float32, args), **{key: _float32(it) for key, it in given.items()})
        return exact.to(result.dtype)


def _is_narrower(maps: Tensor, dimensions: int, stride: int | tuple[int, ...]) -> bool:
    steps = (stride,) if isinstance(stride, int) else tuple(stride)
    steps = steps * dimensions if len(steps) == 1 else steps
    return any(size < step for size, step in zip(maps.shape[-dimensions:], steps, strict=True))


def _float32(argument: Any) -> Any:
    return argument.float() if isinstance(argument, Tensor) else argument


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


def widest_float(device: torch.device) -> torch.dtype:
    """Return float64, or float32 where the device has no other: Apple's refuse it.

    >>> widest_float(torch.device("cpu"))
    torch.float64
    """
    try:
        torch.zeros((), dtype=torch.float64, device=device)
    except TypeError:  # of MPS: "doesn't support float64"
        return torch.float32
    return torch.float64
