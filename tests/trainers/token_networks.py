"""Networks of tokens, written by hand: what registers its parameters in an unusual order too."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812 (the field's name for it)

__all__ = ["SmallViT"]


class _Attention(nn.Module):
    def __init__(self, width: int, heads: int, tokens: int, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.relative_bias = nn.Parameter(torch.randn(heads, tokens, tokens) * 0.02)
        self.qkv = nn.Linear(width, 3 * width)
        self.attention_dropout = nn.Dropout(dropout)
        self.proj = nn.Linear(width, width)

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        q, k, v = self.qkv(x).reshape(batch, tokens, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        weights = (q @ k.transpose(-2, -1)) / q.shape[-1] ** 0.5 + self.relative_bias
        mixed = self.attention_dropout(weights.softmax(-1)) @ v
        return self.proj(mixed.transpose(1, 2).reshape(batch, tokens, width))  # type: ignore[no-any-return]


class _Block(nn.Module):
    def __init__(self, width: int, heads: int, tokens: int, dropout: float) -> None:
        super().__init__()
        self.norm1, self.norm2 = nn.LayerNorm(width), nn.LayerNorm(width)
        self.attention = _Attention(width, heads, tokens, dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, 2 * width), nn.GELU(), nn.Linear(2 * width, width)
        )

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.attention(self.norm1(x))
        return x + self.mlp(self.norm2(x))


class SmallViT(nn.Module):
    """A vision transformer whose head comes first, and its patches last, of what it registers.

    >>> SmallViT(num_classes=3)(torch.zeros(2, 1, 8, 8)).shape
    torch.Size([2, 3])
    """

    def __init__(
        self,
        num_classes: int = 10,
        in_channels: int = 1,
        image_size: tuple[int, int] = (8, 8),
        patch: int = 4,
        width: int = 16,
        depth: int = 2,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        count = (image_size[0] // patch) * (image_size[1] // patch) + 1
        self.head = nn.Linear(width, num_classes)
        self.pos_embed = nn.Parameter(torch.randn(1, count, width) * 0.02)
        self.cls_token = nn.Parameter(torch.zeros(1, 2, width)[:, :1].clone())
        self.norm = nn.LayerNorm(width)
        self.blocks = nn.ModuleList(_Block(width, 2, count, dropout) for _ in range(depth))
        self.gamma = nn.Parameter(torch.ones(1, 1, width))
        self.patches = nn.Conv2d(in_channels, width, patch, patch)

    def forward(self, x: Tensor) -> Tensor:
        """Return logits (B, K) of images (B, C, H, W)."""
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        tokens = torch.cat([self.cls_token.expand(len(x), -1, -1), tokens], 1)
        tokens = F.dropout(tokens + self.pos_embed, 0.0, self.training)
        for block in self.blocks:
            tokens = block(tokens) * self.gamma
        return self.head(self.norm(tokens)[:, 0])  # type: ignore[no-any-return]
