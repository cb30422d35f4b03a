"""What the C library does with memory that tensors on a CPU give back."""

from __future__ import annotations

import ctypes

import torch

__all__ = ["keep_freed_memory"]

M_TRIM_THRESHOLD, M_MMAP_MAX = -1, -4  # malloc.h


def keep_freed_memory(device: torch.device) -> bool:
    """Keep what tensors on a CPU free in this process, for the next ones; return whether it does.

    glibc hands blocks of megabytes back to the system, and every training step then faults its
    activations in again, page by page: up to a fifth of the step of a ResNet-20. The process
    stays as large as its largest step, which is the peak that counts either way. Other C
    libraries have no such setting and are left as they are, and a GPU's memory is torch's affair.
    """
    if device.type != "cpu":
        return False
    try:
        mallopt = ctypes.CDLL(None).mallopt
    except (AttributeError, OSError):
        return False
    return bool(mallopt(M_MMAP_MAX, 0) and mallopt(M_TRIM_THRESHOLD, -1))
