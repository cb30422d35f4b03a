"""How much memory training takes, and how much there is."""

from __future__ import annotations

import contextlib
import functools
from pathlib import Path

import torch

from darkmagic.trainers.runtime.peak import peak_bytes_of_process

__all__ = [
    "available_memory_bytes",
    "free_memory_bytes",
    "idle_memory_bytes",
    "reset_peak_memory",
    "total_memory_bytes",
    "used_memory_bytes",
]

CONTAINER = Path("/sys/fs/cgroup")
"""Where Linux tells a container its limit, in version 2 of control groups."""


def reset_peak_memory(device: torch.device) -> None:
    """Begin to measure the peak anew, from what is in use now."""
    if device.type == "cuda":
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats(device)
    else:
        with contextlib.suppress(OSError):  # without it the peak of the process so far stands
            Path("/proc/self/clear_refs").write_text("5")


@functools.cache
def idle_memory_bytes() -> int:
    """Return the memory of this process before it trained anything, when first asked."""
    return _peak_bytes_of_process()


def used_memory_bytes(device: torch.device) -> int:
    """Return the peak of what training took: allocated on a GPU, added to the process on a CPU."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    return max(0, _peak_bytes_of_process() - idle_memory_bytes())


def total_memory_bytes(device: torch.device) -> int | None:
    """Return the memory that the device has; None where the system does not say."""
    if device.type == "cuda":
        return int(torch.cuda.get_device_properties(device).total_memory)
    return _meminfo_bytes("MemTotal")


def free_memory_bytes(device: torch.device) -> int | None:
    """Return what others leave of the device's memory; None where the system does not say."""
    if device.type == "cuda":
        return torch.cuda.mem_get_info(device)[0] + torch.cuda.memory_reserved(device)
    available = _meminfo_bytes("MemAvailable")
    return None if available is None else available + used_memory_bytes(device)


def available_memory_bytes() -> int | None:
    """Return what processes can still take of the machine's memory, or of the container's.

    Files that the system keeps in memory count as free. None where the system does not say.
    """
    found = [_meminfo_bytes("MemAvailable"), _container_rest(CONTAINER)]
    known = [each for each in found if each is not None]
    return min(known) if known else None


def _container_rest(folder: Path) -> int | None:
    """Return what is left of the limit of the control group in `folder`; None for no limit."""
    try:
        limit = (folder / "memory.max").read_text().strip()
        used = int((folder / "memory.current").read_text())
        kept = dict(line.split() for line in (folder / "memory.stat").read_text().splitlines())
        return max(0, int(limit) - used + int(kept.get("inactive_file", 0)))
    except (OSError, ValueError):  # none, or "max"
        return None


def _peak_bytes_of_process() -> int:
    """Return the largest resident set so far."""
    try:
        status = Path("/proc/self/status").read_text()
    except OSError:
        return peak_bytes_of_process()
    return _bytes_of("VmHWM", status)


def _meminfo_bytes(field: str) -> int | None:
    try:
        text = Path("/proc/meminfo").read_text()
    except OSError:
        return None
    return _bytes_of(field, text)


def _bytes_of(field: str, text: str) -> int:
    """Return the number of `field` in what the kernel writes, in kilobytes."""
    return int(text.partition(f"{field}:")[2].split(maxsplit=1)[0]) * 1024
