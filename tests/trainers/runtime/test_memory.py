"""Memory that training takes, and that the machine has."""

from __future__ import annotations

import subprocess
import sys

import pytest

CHILD = """
import torch
from darkmagic.trainers.runtime.memory import *
cpu = torch.device("cpu")
idle_memory_bytes()
before = used_memory_bytes(cpu)
tensor = torch.ones(2**24)
del tensor
print(before, used_memory_bytes(cpu), free_memory_bytes(cpu), total_memory_bytes(cpu))
reset_peak_memory(cpu)
print(used_memory_bytes(cpu))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc as Linux has it")
def test_used_memory_is_the_peak_above_idle() -> None:
    """A tensor of 64 MiB that is gone counts as used, until the peak is measured anew."""
    answer = subprocess.run(
        [sys.executable, "-c", CHILD], capture_output=True, text=True, check=True
    ).stdout
    before, used, free, total, again = map(int, answer.split())
    assert before < 2**24
    assert 2**26 <= used - before < 2**27
    assert used < free < total
    assert again < used
