"""A GPU pretended on the CPU: within `pretended_gpu`, `torch.cuda` has one.

A step can be 'captured' and 'replayed', with the numbers of the host frozen. What this cannot
show: streams, the allocator, cuDNN, autocast's real speed, random numbers of a GPU, any time.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any
from unittest import mock

import torch
import torch._dynamo.trace_rules  # before torch.cuda is patched, as it looks at what is there
from torch import Tensor
from torch.optim import optimizer as optimizers

from pretend_tensor import Pretend, PretendMode, Record

__all__ = ["pretended_gpu"]

torch._dynamo.trace_rules.get_torch_obj_rule_map()
TOTAL, FREE, USED = 1 << 35, 1 << 34, 1 << 20  # bytes


class _Graph:
    """Stands for `torch.cuda.CUDAGraph`: repeats what was recorded, into the same tensors."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def replay(self) -> None:
        for function, args, kwargs, found in self.records:
            _put(found, function(*args, **kwargs))


def _put(found: Any, again: Any) -> None:
    if isinstance(found, Tensor):
        if again is not found and again.data_ptr() != found.data_ptr():
            with torch.no_grad():
                found.copy_(again)
    elif isinstance(found, list | tuple):
        for ours, theirs in zip(found, again, strict=True):
            _put(ours, theirs)


class _Stream:
    """Stands for `torch.cuda.Stream`: all is done when it is asked for."""

    def __init__(self, *_: Any, **__: Any) -> None:
        pass

    def wait_stream(self, other: Any) -> None:
        pass

    def synchronize(self) -> None:
        pass


@contextlib.contextmanager
def pretended_gpu(*, bf16: bool = False) -> Iterator[PretendMode]:
    """Let torch have a GPU, with bf16 or without; give the mode, which counts."""
    torch._C._ensureCUDADeviceGuardSet()
    mode = PretendMode()
    supported = [torch.Tensor, torch.nn.Parameter, Pretend]
    overwrite = torch.__future__.get_overwrite_module_params_on_conversion()
    with contextlib.ExitStack() as stack:
        for name, value in _patches(mode, bf16=bf16).items():
            stack.enter_context(mock.patch.object(torch.cuda, name, value))
        stack.enter_context(mock.patch.object(optimizers, "_foreach_supported_types", supported))
        stack.enter_context(torch.autograd.set_multithreading_enabled(False))
        torch.__future__.set_overwrite_module_params_on_conversion(True)
        stack.callback(torch.__future__.set_overwrite_module_params_on_conversion, overwrite)
        stack.enter_context(mock.patch.object(Pretend, "mode", mode))
        stack.enter_context(mode)
        yield mode


def _patches(mode: PretendMode, *, bf16: bool) -> dict[str, Any]:
    """Return what stands for functions of `torch.cuda`, by name."""
    debug: list[Any] = [0]

    def nothing(*_: Any, **__: Any) -> None:
        pass

    def used(*_: Any) -> int:
        return USED

    def set_debug_mode(value: Any) -> None:
        debug[0] = value
        mode.refuse_waits = value in {"error", 2}

    @contextlib.contextmanager
    def capture(graph: _Graph, **_: Any) -> Iterator[None]:
        mode.recording = []
        try:
            yield
        finally:
            graph.records, mode.recording = mode.recording or [], None

    return {
        "is_available": lambda: True,
        "is_initialized": lambda: True,
        "device_count": lambda: 1,
        "current_device": lambda: 0,
        "get_device_name": lambda *_: "Pretend",
        "get_device_capability": lambda *_: (9, 0),
        "is_bf16_supported": lambda *_, **__: bf16,
        "max_memory_allocated": used,
        "max_memory_reserved": used,
        "memory_reserved": used,
        "mem_get_info": lambda *_: (FREE, TOTAL),
        "get_rng_state": lambda *_: torch.zeros(16, dtype=torch.uint8),
        "Stream": _Stream,
        "current_stream": _Stream,
        "stream": lambda _: contextlib.nullcontext(),
        "CUDAGraph": _Graph,
        "graph": capture,
        "is_current_stream_capturing": lambda: mode.recording is not None,
        "get_sync_debug_mode": lambda: debug[0],
        "set_sync_debug_mode": set_debug_mode,
        **dict.fromkeys(
            (
                *("_lazy_init", "synchronize", "set_device", "set_rng_state", "manual_seed_all"),
                *("reset_peak_memory_stats", "empty_cache"),
            ),
            nothing,
        ),
    }
