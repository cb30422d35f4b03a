"""Pre-activation residual networks for small images (He et al. 2016, arXiv 1603.05027)."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor, nn

from darkmagic.trainers.fields import check_arguments, whole

__all__ = ["PreActResNet"]


class _Block(nn.Module):
    """Norm, activation, convolution, twice, beside a shortcut.

    Where the width changes, the shortcut is projected from the first activation.
    """

    def __init__(self, inputs: int, channels: int, stride: int, *, shared: bool) -> None:
        super().__init__()
        self.shared = shared
        self.norm1, self.act1 = nn.BatchNorm2d(inputs), nn.ReLU()
        self.conv1 = nn.Conv2d(inputs, channels, 3, stride, 1, bias=False)
        self.norm2, self.act2 = nn.BatchNorm2d(channels), nn.ReLU()
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.shortcut: nn.Module = nn.Identity()
        if inputs != channels:
            self.shortcut = nn.Conv2d(inputs, channels, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        active = self.act1(self.norm1(x))
        branch: Tensor = self.conv2(self.act2(self.norm2(self.conv1(active))))
        out: Tensor = branch + self.shortcut(active if self.shared else x)
        return out


class PreActResNet(nn.Module):
    """`depth` = 6n + 2 layers: a stem, three stages of n blocks, a norm, and a linear head.

    The stages are 16, 32 and 64 channels wide. The first block of each takes its shortcut from
    what its first norm and activation give, as in hysts' pytorch_image_classification, whose
    tables `checklist=hysts` makes again. Raises `ValueError` for an argument out of its range.

    >>> PreActResNet(depth=8)(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2, 10])
    """

    @check_arguments
    def __init__(
        self,
        depth: Annotated[int, whole(at_least=8, step=6)] = 20,
        num_classes: Annotated[int, whole(at_least=1)] = 10,
        in_channels: Annotated[int, whole(at_least=1)] = 3,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = [nn.Conv2d(in_channels, 16, 3, 1, 1, bias=False)]
        width = 16
        for stage in range(3):
            for block in range((depth - 2) // 6):
                channels = 16 * 2**stage
                first = block == 0
                layers.append(_Block(width, channels, 1 + (first and stage > 0), shared=first))
                width = channels
        self.layers = nn.Sequential(*layers, nn.BatchNorm2d(width), nn.ReLU())
        self.head = nn.Linear(width, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out")

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, num_classes) of `images` (B, in_channels, H, W)."""
        logits: Tensor = self.head(self.layers(images).mean((2, 3)))
        return logits
