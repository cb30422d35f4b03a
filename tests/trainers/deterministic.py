"""Kernels that give the same bits each time, for tests of what is to be equal bit for bit."""

from __future__ import annotations

import contextlib
import os
import warnings
from collections.abc import Iterator

import torch

__all__ = ["deterministic_kernels"]

os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
"""Before cuBLAS starts, which reads it then."""


@contextlib.contextmanager
def deterministic_kernels() -> Iterator[None]:
    """Have torch take deterministic kernels where it has them."""
    torch.use_deterministic_algorithms(True, warn_only=True)
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*does not have a deterministic implementation")
            yield
    finally:
        torch.use_deterministic_algorithms(False)
