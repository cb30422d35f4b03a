"""Apple's devices have no float64: what is summed there, and that every trick trains without."""

from __future__ import annotations

import copy
import math
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from darkmagic.trainers.evaluate import _both, evaluate
from darkmagic.trainers.optimizers.schedule_free import ScheduleFreeSgd
from darkmagic.trainers.runtime.device import widest_float


class NoFloat64(TorchDispatchMode):
    """Raises what MPS raises, for whatever makes a tensor of float64."""

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        del types
        found = func(*args, **(kwargs or {}))
        if any(isinstance(t, Tensor) and t.dtype is torch.float64 for t in tree_leaves(found)):
            raise TypeError("the MPS framework doesn't support float64")
        return found


@pytest.mark.parametrize("loss", [0.0, 0.1, -1e-42, 3.4e38, math.inf, math.nan])
@pytest.mark.parametrize("count", [0, 2**24 + 1, 2**40 + 1])
def test_sums_come_from_the_device_exactly(loss: float, count: int) -> None:
    """Also numbers of images that float32 does not hold, and losses that are no number."""
    total = torch.tensor(loss)
    with NoFloat64():
        found, number = _both(total, torch.tensor(count))
    assert number == count
    assert found == total.item() or (math.isnan(loss) and math.isnan(found))


def test_network_is_evaluated_without_float64() -> None:
    """An evaluation gives the same figures where the device refuses it."""
    images = torch.randn(32, 4, generator=torch.Generator().manual_seed(0))
    batches = [(images, images.argmax(1).roll(1))]
    expected = evaluate(nn.Identity(), batches, torch.device("cpu"), "off")
    with NoFloat64():
        found = evaluate(nn.Identity(), batches, torch.device("cpu"), "off")
    assert (found.loss, found.accuracy) == (expected.loss, expected.accuracy)


def test_schedule_free_averages_in_what_the_device_has() -> None:
    """Its sum of squared rates is float32 there, and what was saved on a GPU is loaded as that."""
    weights, saved = [], {}
    for refused in (False, True):
        parameter = nn.Parameter(torch.ones(3))
        optimizer = ScheduleFreeSgd([{"params": [parameter]}], lr=0.1)
        with NoFloat64() if refused else torch.enable_grad():
            assert widest_float(parameter.device) is (torch.float32 if refused else torch.float64)
            for step in range(5):
                parameter.grad = torch.full((3,), 0.1 * step)
                optimizer.step()
            if refused:
                optimizer.load_state_dict(saved)
                parameter.grad = torch.ones(3)
                optimizer.step()
        if not refused:
            saved = copy.deepcopy(optimizer.state_dict())
            parameter.grad = torch.ones(3)
            optimizer.step()
        weights.append(parameter.detach())
    torch.testing.assert_close(*weights)


@pytest.mark.weekly
def test_every_option_trains_on_a_pretended_device_without_float64(repo: Path) -> None:
    """A training by each option of each trick, and each metric of logits as on the CPU."""
    check = ["bash", "tests/gpu/pretend/run.sh", "check_all.py", "doubles"]
    env = {**os.environ, "PYTHON": sys.executable}
    done = subprocess.run(check, cwd=repo, env=env, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
