"""Whether a network's tensors lie with their channels last, which most hardware prefers."""

from __future__ import annotations

import torch
from torch import nn

__all__ = ["pick_memory_format"]

ONEDNN_BLOCK = 16  # channels; 8 without AVX-512


def pick_memory_format(
    network: nn.Module, device: torch.device, *, channels_last: bool
) -> torch.memory_format:
    """Return the format to train `network` in: channels last if asked for and safe.

    On a CPU, oneDNN writes past its workspace in the backward pass of a 1 x 1 convolution with
    a stride and fewer input channels than a block, channels last: wrong gradients or a crash
    (oneDNN issue 6035, in torch 2.15). A network with such a layer keeps its channels first.
    """
    unsafe = device.type == "cpu" and any(_is_unsafe(module) for module in network.modules())
    return torch.channels_last if channels_last and not unsafe else torch.contiguous_format


def _is_unsafe(module: nn.Module) -> bool:
    return (
        isinstance(module, nn.Conv2d)
        and module.kernel_size == (1, 1)
        and max(module.stride) > 1
        and module.in_channels // module.groups < ONEDNN_BLOCK
    )
