"""The precision of a forward pass, on whichever processor it runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from darkmagic.trainers.runtime.device import autocast
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import Trick
from training import AMP, RECIPE

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("amp", "dtype"),
    [("auto", torch.float32), ("off", torch.float32), ("bf16", torch.bfloat16)],
)
def test_automatic_precision_on_a_cpu_is_float32(amp: str, dtype: torch.dtype) -> None:
    """On a CPU `auto` computes in float32 whatever the processor has; bf16 has to be asked for."""
    layer, images = nn.Linear(4, 2), torch.ones(3, 4)
    with autocast(CPU, amp):
        assert layer(images).dtype is dtype


@dataclasses.dataclass(frozen=True)
class _Noting(Trick):
    """Notes in which precision the network computes what its activations take."""

    seen: set[torch.dtype]

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        del example
        for module in model.modules():
            if isinstance(module, nn.Conv2d):
                module.register_forward_hook(lambda _module, _in, out: self.seen.add(out.dtype))
        return model


def test_training_tests_train_in_the_forced_precision(tmp_path: Path) -> None:
    """The recipe of the training tests reaches the network in the precision that CI forces."""
    seen: set[torch.dtype] = set()
    recipe = dataclasses.replace(RECIPE, tricks={"noting": _Noting(seen)}, max_steps=1)
    train(recipe, tmp_path)
    assert (torch.bfloat16 in seen) == (AMP == "bf16")
