"""Networks with layers of their authors' own, tokens, and blocks written in other ways."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)
from torchvision.models.resnet import BasicBlock

from calling_kinds import WIDTH, Residual, conv


class OwnNorm(nn.Module):
    """A norm that derives from no class of torch's."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(channels, 1, 1))

    def forward(self, x: Tensor) -> Tensor:
        mean, var = x.mean((2, 3), keepdim=True), x.var((2, 3), keepdim=True, correction=0)
        return (x - mean) / (var + 1e-5).sqrt() * self.weight + self.bias


class OwnNorms(nn.Module):
    """A batch norm and three norms of one's own."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.rest = Residual(num_classes, in_channels, lambda x, y: x + y, norm=OwnNorm)

    def forward(self, x: Tensor) -> Tensor:
        return self.rest(self.norm(x))


class Stacked(Residual):
    """Residual sums as the sum of a stack."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__(num_classes, in_channels, lambda x, y: torch.stack([x, y]).sum(0))


class Interpolated(Residual):
    """Residual sums as half-way interpolation."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__(num_classes, in_channels, lambda x, y: torch.lerp(x, y, 0.5))


class Scaled(Residual):
    """Residual sums with a factor of the branch."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__(num_classes, in_channels, lambda x, y: torch.add(x, y, alpha=0.5))


class Projected(Residual):
    """Shortcuts of two convolutions, as long as the branch."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        def shortcut() -> nn.Module:
            return nn.Sequential(conv(kernel=1), nn.BatchNorm2d(WIDTH), conv(kernel=1))

        super().__init__(num_classes, in_channels, lambda x, y: x + y, shortcut)


class OwnBasicBlock(BasicBlock):
    """A block that adds to what its base class computes."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) * 0.5


class CallsSuper(nn.Module):
    """Blocks of torchvision's under a class that calls `super().forward`."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.stem = conv(in_channels, stride=2)
        self.blocks = nn.Sequential(OwnBasicBlock(WIDTH, WIDTH), OwnBasicBlock(WIDTH, WIDTH))
        self.head = nn.Linear(WIDTH, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.blocks(F.relu(self.stem(x))).mean((2, 3)))


class Transposed(nn.Module):
    """Down and up again, with a norm before the transposed convolution."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.down, self.norm = conv(in_channels, stride=2), nn.BatchNorm2d(WIDTH)
        self.up = nn.ConvTranspose2d(WIDTH, WIDTH, 2, 2)
        self.norm_up, self.head = nn.BatchNorm2d(WIDTH), nn.Linear(WIDTH, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm_up(self.up(F.relu(self.norm(self.down(x)))))
        return self.head(F.adaptive_avg_pool2d(F.relu(x), 1).flatten(1))


class Encoder(nn.Module):
    """Torch's own encoder layers, which it may evaluate as one operation."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(16, 2, 32, 0.1, nn.GELU(), batch_first=True)
        self.patch, self.head = nn.Conv2d(in_channels, 16, 8, 8), nn.Linear(16, num_classes)
        self.encoder = nn.TransformerEncoder(layer, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.encoder(self.patch(x).flatten(2).transpose(1, 2)).mean(1))


class Mixer(nn.Module):
    """An MLP on tokens and one on channels."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.patch = nn.Conv2d(in_channels, 16, 8, 8)
        self.norm1, self.norm2, self.head = (
            *(nn.LayerNorm(16), nn.LayerNorm(16)),
            nn.Linear(16, num_classes),
        )
        self.tokens = nn.Sequential(nn.Linear(16, 8), nn.GELU(), nn.Linear(8, 16))
        self.channels = nn.Sequential(nn.Linear(16, 32), nn.GELU(), nn.Linear(32, 16))

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2)
        x = x + self.tokens(self.norm1(x).transpose(1, 2)).transpose(1, 2)
        x = x + self.channels(self.norm2(x))
        return self.head(x.mean(1))


class ReadsAttributes(nn.Module):
    """A forward that reads numbers of its layers before it calls them."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.conv1, self.norm, self.act = conv(in_channels), nn.BatchNorm2d(WIDTH), nn.LeakyReLU()
        self.pool, self.conv2, self.head = nn.MaxPool2d(2), conv(), nn.Linear(WIDTH, num_classes)
        self.drop = nn.Dropout(0.1)

    def forward(self, x: Tensor) -> Tensor:
        x = self.norm(self.conv1(x)).view(len(x), self.norm.num_features, *x.shape[2:])
        x = self.act(x) if self.act.negative_slope < 1 else x
        x = self.pool(x) if self.pool.kernel_size < x.shape[-1] else x
        x = F.leaky_relu(self.conv2(x), self.act.negative_slope).mean((2, 3))
        return self.head(self.drop(x) if self.drop.p > 0 else x)
