"""Residual networks for small images (He et al. 2016, arXiv 1512.03385, section 4.2)."""

from __future__ import annotations

from typing import Annotated

from torch import Tensor, nn

from darkmagic.trainers.fields import check_arguments, whole

__all__ = ["BasicBlock", "SmallResNet"]


class BasicBlock(nn.Module):
    """Two 3x3 convolutions and a shortcut, projected where the shape changes (option B).

    >>> BasicBlock(in_channels=16, channels=32, stride=2)(torch.zeros(2, 16, 8, 8)).shape
    torch.Size([2, 32, 4, 4])
    """

    def __init__(self, in_channels: int, channels: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, channels, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(channels)
        self.act1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(channels, channels, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride != 1 or in_channels != channels:
            self.shortcut = nn.Sequential(
                nn.Conv2d(in_channels, channels, 1, bias=False),
                nn.BatchNorm2d(channels),
            )
        # Same as a projection of this stride, whose backward pass writes past its workspace on
        # CPUs, under channels_last, from fewer than 16 channels (oneDNN issue 6035).
        self.subsample = (..., slice(None, None, stride), slice(None, None, stride))
        self.act2 = nn.ReLU(inplace=True)  # a module of its own, so that tricks can replace one

    def forward(self, x: Tensor) -> Tensor:
        """Return (B, channels, H / stride, W / stride) of `x` (B, in_channels, H, W)."""
        branch = self.bn2(self.conv2(self.act1(self.bn1(self.conv1(x)))))
        out: Tensor = self.act2(branch + self.shortcut(x[self.subsample]))
        return out


class SmallResNet(nn.Module):
    """`depth` = 6n + 2 layers: a stem, three stages of n blocks, and a linear head.

    The stages are `width`, 2 `width` and 4 `width` channels wide, each half as large as the
    one before. Takes images of 8x8 pixels and up. Raises `ValueError` for an argument out of
    its range.

    >>> SmallResNet(depth=8, width=4)(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2, 10])
    """

    @check_arguments
    def __init__(
        self,
        depth: Annotated[int, whole(at_least=8, step=6)] = 20,
        width: Annotated[int, whole(at_least=1)] = 16,
        num_classes: Annotated[int, whole(at_least=1)] = 10,
        in_channels: Annotated[int, whole(at_least=1)] = 3,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, 1, 1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        blocks, channels = [], width
        for stage in range(3):
            for block in range((depth - 2) // 6):
                stride = 2 if stage > 0 and block == 0 else 1
                blocks.append(BasicBlock(channels, width * 2**stage, stride))
                channels = width * 2**stage
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(channels, num_classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        """Return logits (B, num_classes) of `images` (B, in_channels, H, W)."""
        # A mean, not a pooling layer: the CPU's pooling is slow under channels_last.
        logits: Tensor = self.head(self.blocks(self.stem(images)).mean((2, 3)))
        return logits
