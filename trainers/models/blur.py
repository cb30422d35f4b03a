"""A low-pass filter with a stride, which removes the frequencies that the stride would alias."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

__all__ = ["BlurPool2d"]


class BlurPool2d(nn.Module):
    """Blur maps (B, C, H, W) with a binomial kernel of `size`, at every `stride`-th place.

    Borders are reflected: the result is (B, C, ceil(H / stride), ceil(W / stride)) for an odd
    size. The kernel is no weight, and no part of the state dict.
    """

    kernel: Tensor

    def __init__(self, size: int = 3, stride: int = 2) -> None:
        super().__init__()
        self.stride = stride
        self.padding = ((size - 1) // 2, size // 2) * 2
        line = torch.tensor([float(math.comb(size - 1, k)) for k in range(size)])
        kernel = line[:, None] * line
        self.register_buffer("kernel", kernel / kernel.sum(), persistent=False)

    def forward(self, maps: Tensor) -> Tensor:
        """Return the blurred `maps`."""
        channels = maps.shape[1]
        kernel = self.kernel.to(maps.dtype).expand(channels, 1, *self.kernel.shape)
        padded = F.pad(maps, self.padding, mode="reflect")
        return F.conv2d(padded, kernel, stride=self.stride, groups=channels)

    def extra_repr(self) -> str:
        """Return the size and the stride."""
        return f"size={len(self.kernel)}, stride={self.stride}"
