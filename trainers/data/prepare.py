"""From uint8 images to what a network takes."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

__all__ = ["Normalizer"]


class Normalizer:
    """Scales to [0, 1], subtracts `mean`, divides by `std`, both a channel.

    `channels` is what the network takes: grey images are repeated where it takes more.
    """

    def __init__(
        self,
        mean: Sequence[float],
        std: Sequence[float],
        channels: int,
        device: torch.device,
        memory_format: torch.memory_format = torch.channels_last,
    ) -> None:
        if channels != len(mean) and len(mean) != 1:
            raise ValueError(
                f"the network takes {channels} channels and the images have {len(mean)}; "
                "only grey images can be repeated to fit"
            )
        scale = 1 / (255 * torch.tensor(std, dtype=torch.float64))
        shift = torch.tensor(mean, dtype=torch.float64) * 255 * scale
        self._scale = scale.float().view(1, -1, 1, 1).to(device)
        self._shift = shift.float().view(1, -1, 1, 1).to(device)
        self._channels = channels
        self._format = memory_format

    def __call__(self, images: Tensor) -> Tensor:
        """Return float32 (B, channels, H, W) of uint8 (B, C, H, W)."""
        scaled = torch.addcmul(-self._shift, images.float(), self._scale)
        if scaled.shape[1] != self._channels:
            scaled = scaled.expand(-1, self._channels, -1, -1)
        return scaled.contiguous(memory_format=self._format)
