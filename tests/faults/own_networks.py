"""Networks as users write them: with functions, tokens, activations of their own."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)


class Tutorial(nn.Module):
    """As PyTorch's tutorial on CIFAR has it, on any size."""

    def __init__(self, num_classes: int, in_channels: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, 6, 3, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.conv2 = nn.Conv2d(6, 16, 3, padding=1)
        self.fc1 = nn.Linear(16 * (image_size[0] // 4) * (image_size[1] // 4), 12)
        self.fc2 = nn.Linear(12, 8)
        self.fc3 = nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(F.relu(self.conv1(x)))
        x = self.pool(F.relu(self.conv2(x)))
        x = torch.flatten(x, 1)
        x = F.relu(self.fc1(x))
        x = F.relu(self.fc2(x))
        return self.fc3(x)


class Encoder(nn.Module):
    """A block of a transformer, as one writes it by hand."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = nn.MultiheadAttention(width, 2, batch_first=True)
        self.up, self.down = nn.Linear(width, 2 * width), nn.Linear(2 * width, width)

    def forward(self, x: Tensor) -> Tensor:
        y = self.norm1(x)
        x = x + self.attention(y, y, y, need_weights=False)[0]
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class Vit(nn.Module):
    """A vision transformer of two blocks."""

    def __init__(self, num_classes: int, in_channels: int, image_size: tuple[int, int]) -> None:
        super().__init__()
        tokens = (image_size[0] // 4) * (image_size[1] // 4)
        self.patch = nn.Conv2d(in_channels, 16, 4, 4)
        self.pos_embed = nn.Parameter(torch.zeros(1, tokens, 16))
        self.blocks = nn.ModuleList([Encoder(16) for _ in range(2)])
        self.head = nn.Linear(16, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = self.patch(x).flatten(2).transpose(1, 2) + self.pos_embed
        for block in self.blocks:
            x = block(x)
        return self.head(x.mean(1))


class OwnSwish(nn.Module):
    """An activation that no library has under this name."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.sigmoid(x)


class OwnBlock(nn.Module):
    """A residual block with an activation of one's own, and functions."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = nn.Conv2d(width, width, 3, 1, 1), nn.BatchNorm2d(width)
        self.conv2, self.act = nn.Conv2d(width, width, 3, 1, 1), OwnSwish()

    def forward(self, x: Tensor) -> Tensor:
        out = self.conv2(self.act(self.norm1(self.conv1(x))))
        out += x
        return torch.relu(out)


class OwnActivation(nn.Module):
    """A residual network of such blocks."""

    def __init__(self, num_classes: int, in_channels: int) -> None:
        super().__init__()
        self.stem, self.act = nn.Conv2d(in_channels, 8, 3, 1, 1), OwnSwish()
        self.one, self.two, self.head = OwnBlock(8), OwnBlock(8), nn.Linear(8, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        x = F.max_pool2d(self.act(self.stem(x)), 2)
        return self.head(F.dropout(self.two(self.one(x)).mean((2, 3)), 0.1, self.training))
