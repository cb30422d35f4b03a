"""Channels last where it is safe."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from darkmagic.trainers.runtime.memory_format import pick_memory_format

CPU = torch.device("cpu")


@pytest.mark.parametrize(
    ("conv", "safe"),
    [
        (nn.Conv2d(4, 8, 1, 2), False),
        (nn.Conv2d(8, 16, 1, 2), False),
        (nn.Conv2d(64, 64, 1, 2, groups=8), False),
        (nn.Conv2d(16, 32, 1, 2), True),
        (nn.Conv2d(4, 8, 1), True),
        (nn.Conv2d(4, 8, 3, 2), True),
    ],
)
def test_narrow_strided_shortcuts_keep_channels_first(conv: nn.Conv2d, safe: bool) -> None:
    """On a CPU; a GPU has no such trouble, and who does not ask does not get it."""
    network = nn.Sequential(nn.ReLU(), conv)
    expected = torch.channels_last if safe else torch.contiguous_format
    assert pick_memory_format(network, CPU, channels_last=True) is expected
    gpu = torch.device("cuda")
    assert pick_memory_format(network, gpu, channels_last=True) is torch.channels_last
    assert pick_memory_format(network, CPU, channels_last=False) is torch.contiguous_format


@pytest.mark.parametrize("channels", [16, 24, 64])
def test_what_counts_as_safe_has_the_right_gradients(channels: int) -> None:
    """A strided 1 x 1 convolution is a 1 x 1 convolution of every second pixel."""
    conv = nn.Conv2d(channels, 32, 1, 2, bias=False).to(memory_format=torch.channels_last)
    x = torch.randn(8, channels, 8, 8).contiguous(memory_format=torch.channels_last)
    conv(x).square().sum().backward()
    weight = conv.weight.detach().flatten(1).clone().requires_grad_()
    torch.einsum("oc,bchw->bohw", weight, x[:, :, ::2, ::2]).square().sum().backward()
    assert conv.weight.grad is not None
    assert weight.grad is not None
    assert torch.allclose(conv.weight.grad.flatten(1), weight.grad, rtol=1e-3, atol=1e-2)
