"""The precision of a forward pass, on whichever processor it runs."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from darkmagic.trainers.runtime.device import autocast
from darkmagic.trainers.train import train
from darkmagic.trainers.trick import Trick
from training import AMP, RECIPE

CPU = torch.device("cpu")


class _Functional(nn.Module):
    """A convolution that is called as a function, with its arguments by name."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(16, 16, 3, 3) / 12)

    def forward(self, x: Tensor) -> Tensor:
        return functional.conv2d(input=x, weight=self.weight, stride=2, padding=1)


@pytest.mark.parametrize(
    ("amp", "dtype"),
    [("auto", torch.float32), ("off", torch.float32), ("bf16", torch.bfloat16)],
)
def test_automatic_precision_on_a_cpu_is_float32(amp: str, dtype: torch.dtype) -> None:
    """On a CPU `auto` computes in float32 whatever the processor has; bf16 has to be asked for."""
    layer, images = nn.Linear(4, 2), torch.ones(3, 4)
    with autocast(CPU, amp):
        assert layer(images).dtype is dtype


LAYERS = {
    "2d": (nn.Conv2d(16, 16, 3, 2, 1), (1, 1)),
    "even kernel": (nn.Conv2d(16, 16, 2, 2, 1), (1, 1)),
    "wide stride": (nn.Conv2d(16, 16, 5, 3, 2), (2, 2)),
    "one side": (nn.Conv2d(16, 16, 3, (1, 2), 1), (8, 1)),
    "groups": (nn.Conv2d(64, 64, 3, 2, 1, groups=4), (1, 1)),
    "1d": (nn.Conv1d(16, 16, 3, 2, 1), (1,)),
    "3d": (nn.Conv3d(16, 16, 3, 2, 1), (1, 1, 1)),
    "transposed": (nn.ConvTranspose2d(16, 16, 3, 2, 1), (1, 1)),
    "functional": (_Functional(), (1, 1)),
}
"""Convolutions with a kernel that lies beside the map in part, and the sizes of the maps."""


@pytest.mark.parametrize("name", LAYERS)
@pytest.mark.parametrize("compiled", [False, pytest.param(True, marks=pytest.mark.weekly)])
def test_gradients_in_bf16_are_those_of_float32(name: str, compiled: bool) -> None:
    """Whatever the memory held before that a gradient lies in, of maps of a few pixels too."""
    layer, size = LAYERS[name]
    weight = layer.get_parameter("weight")
    x = torch.randn(2, weight.shape[0], *size, generator=torch.Generator().manual_seed(0))

    def gradient(amp: str) -> Tensor:
        layer.zero_grad()
        with autocast(CPU, amp):
            out = (torch.compile(layer) if compiled else layer)(x)
        assert out.dtype is {"bf16": torch.bfloat16, "off": torch.float32}[amp]
        used = [torch.full((weight.numel(),), torch.nan) for _ in range(8)]
        del used  # an allocator gives out again what was freed last
        out.float().square().sum().backward()
        assert weight.grad is not None
        return weight.grad

    exact = gradient("off").clone()
    assert torch.allclose(gradient("bf16"), exact, atol=0.05 * float(exact.abs().max()))


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
