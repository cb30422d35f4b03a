"""Freed memory stays in the process."""

from __future__ import annotations

import subprocess
import sys

import pytest

CHILD = """
import resource
import torch
from darkmagic.trainers.runtime.allocator import keep_freed_memory

def faults(megabytes):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):  # the dynamic threshold of glibc gets no further than 32 MiB
        torch.ones(megabytes, 2**18)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

returned, kept = faults(64), keep_freed_memory(torch.device("cpu"))
faults(64)
print(returned, faults(64) if kept else -1)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="counts page faults as Linux does")
def test_memory_is_faulted_in_once() -> None:
    """Ten tensors of 64 MiB one after the other: each anew before, none after."""
    answer = subprocess.run(
        [sys.executable, "-c", CHILD], capture_output=True, text=True, check=True
    ).stdout
    returned, kept = map(int, answer.split())
    if kept < 0:
        pytest.skip("not glibc")
    assert returned > 10 * 64 * 2**20 // 2**21  # even in pages of 2 MiB
    assert kept < returned // 10
