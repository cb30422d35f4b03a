"""From uint8 images to what a network takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

__all__ = ["Normalizer", "Scaling", "by_channel"]


@dataclass(frozen=True)
class Scaling:
    """An affine map of images in [0, 1]: `matrix @ flatten((image - mean) / std)`.

    `mean` and `std` are float64, (C, 1, 1) or (C, H, W); `matrix` is float64 (D, D) with
    D = C * H * W, or None for the identity.

    >>> scaling = by_channel(mean=[0.5], std=[0.25])
    >>> scaling.mean.shape, scaling.matrix is None
    (torch.Size([1, 1, 1]), True)
    """

    mean: Tensor
    std: Tensor
    matrix: Tensor | None = None


def by_channel(mean: Sequence[float], std: Sequence[float]) -> Scaling:
    """Return the scaling that subtracts `mean` and divides by `std`, both a channel.

    >>> scaling = by_channel(mean=[0.5, 0.4, 0.3], std=[0.2, 0.2, 0.2])
    >>> scaling.std.shape
    torch.Size([3, 1, 1])
    """
    as_tensors = (torch.tensor(list(v), dtype=torch.float64).view(-1, 1, 1) for v in (mean, std))
    return Scaling(*as_tensors)


class Normalizer:
    """Scales uint8 images, and repeats grey ones where the network takes more `channels`."""

    def __init__(
        self,
        scaling: Scaling,
        channels: int,
        device: torch.device,
        memory_format: torch.memory_format = torch.channels_last,
    ) -> None:
        if channels != len(scaling.mean) and len(scaling.mean) != 1:
            raise ValueError(
                f"the network takes {channels} channels and the images have "
                f"{len(scaling.mean)}; only grey images can be repeated to fit"
            )
        scale = 1 / (255 * scaling.std)
        shift = scaling.mean * 255 * scale
        self._scale = scale.float()[None].to(device)
        self._shift = shift.float()[None].to(device)
        self._matrix = None if scaling.matrix is None else scaling.matrix.float().to(device)
        self._channels = channels
        self._format = memory_format

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 (B, channels, H, W) of uint8 (B, C, H, W)."""
        fitted, given = self._shift.shape[2:], images.shape[2:]
        if fitted not in ((1, 1), given):
            raise ValueError(
                f"the scaling was fitted to images of {tuple(fitted)} pixels and cannot take "
                f"{tuple(given)}: scale by channel where images change their size"
            )
        scaled = torch.addcmul(-self._shift, images.float(), self._scale)
        if self._matrix is not None:
            scaled = (scaled.flatten(1) @ self._matrix.T).view_as(scaled)
        if scaled.shape[1] != self._channels:
            scaled = scaled.expand(-1, self._channels, -1, -1)
        return scaled.contiguous(memory_format=self._format)
