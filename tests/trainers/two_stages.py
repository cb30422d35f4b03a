"""A plain network of two stages, and the kinds of its layers."""

from __future__ import annotations

from torch import nn

__all__ = ["kinds", "two_stages"]


def two_stages(act: type[nn.Module] = nn.ReLU, *, after: bool = False) -> nn.Sequential:
    """Return a network of two stages, activated before or after its pooling."""
    pair = [act(), nn.MaxPool2d(3, 2, 1)]
    return nn.Sequential(
        nn.Conv2d(3, 6, 3),
        *(pair[::-1] if after else pair),
        *(nn.Conv2d(6, 8, 3), act(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, 10)),
    )


def kinds(model: nn.Module) -> list[str]:
    """Return the types of all modules, by name, in order."""
    return [type(m).__name__ for m in model.modules()]
