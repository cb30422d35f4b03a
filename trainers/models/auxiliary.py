"""Classifiers that help to train a network and are no part of what it is afterwards."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from darkmagic.trainers.models.extend import After

__all__ = ["AuxiliaryHead", "auxiliary_heads", "drop_auxiliary_heads"]


class AuxiliaryHead(nn.Module):
    """GoogLeNet's: average pooling to 4 x 4, a 1 x 1 convolution, a hidden layer, dropout, logits.

    Takes maps (B, C, H, W) and returns them unchanged. In training it also keeps its logits
    (B, K) until they are taken, once: the caller adds `weight` times their loss.
    """

    def __init__(self, channels: int, classes: int, weight: float) -> None:
        super().__init__()
        self.weight = weight
        self.classify = nn.Sequential(
            nn.AdaptiveAvgPool2d(4),
            nn.Conv2d(channels, 128, 1),
            nn.ReLU(),
            nn.Flatten(),
            nn.Linear(2048, 1024),
            nn.ReLU(),
            nn.Dropout(0.7),
            nn.Linear(1024, classes),
        )
        self._logits: Tensor | None = None

    def forward(self, maps: Tensor) -> Tensor:
        """Return `maps`."""
        self._logits = self.classify(maps) if self.training and torch.is_grad_enabled() else None
        return maps

    def take_logits(self) -> Tensor | None:
        """Return the logits (B, K) of the last forward pass, once; None if it did not train."""
        logits, self._logits = self._logits, None
        return logits


def auxiliary_heads(model: nn.Module) -> list[AuxiliaryHead]:
    """Return the auxiliary heads of `model`."""
    return [module for module in model.modules() if isinstance(module, AuxiliaryHead)]


def drop_auxiliary_heads(model: nn.Module) -> nn.Module:
    """Return `model`, edited in place, without its auxiliary heads."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if isinstance(child, After) and isinstance(child.added, AuxiliaryHead):
                setattr(parent, name, child.layer)
    return model
