"""Networks of torchvision and timm, with a stem that suits the size of the images."""

from __future__ import annotations

import difflib
from typing import Any

import torch
from torch import nn

from darkmagic.trainers.models.build import input_channels
from darkmagic.trainers.models.surgery import replace_module
from darkmagic.trainers.models.trace import trace

__all__ = ["SMALL", "small_stem", "timm_classifier", "torchvision_classifier"]

SMALL = 96
"""Images whose shorter side is below this get a stem that keeps their resolution."""


def torchvision_classifier(
    name: str, num_classes: int, image_size: tuple[int, int], **settings: Any
) -> nn.Module:
    """Return torchvision's classifier `name`, with fresh weights, for `image_size` (H, W).

    Raises `ValueError` with the nearest names for one that torchvision does not have.
    """
    from torchvision import models  # noqa: PLC0415 (slow to import)

    known = models.list_models(module=models)
    if name not in known:
        raise ValueError(f"torchvision has no classifier {name!r}; {_nearest(name, known)}")
    network: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **settings)
    return small_stem(network, image_size)


def timm_classifier(
    name: str, num_classes: int, in_channels: int, image_size: tuple[int, int], **settings: Any
) -> nn.Module:
    """Return timm's model `name`, with fresh weights. Needs the extra: darkmagic[timm]."""
    try:
        import timm  # noqa: PLC0415 (an extra)
    except ImportError:
        raise ValueError(
            f"model {name!r} comes from timm, which is not installed: pip install darkmagic[timm]"
        ) from None
    if not timm.is_model(name):
        raise ValueError(f"timm has no model {name!r}; {_nearest(name, timm.list_models())}")
    network: nn.Module = timm.create_model(
        name, num_classes=num_classes, in_chans=in_channels, **settings
    )
    return small_stem(network, image_size)


def small_stem(network: nn.Module, image_size: tuple[int, int]) -> nn.Module:
    """Return `network`, for images below `SMALL` with a stem that does not shrink them.

    Its first convolution gets stride 1 (and 3x3 where it was larger), and a pooling before
    the second convolution is left out: the usual change for CIFAR.
    """
    channels = input_channels(network)
    if min(image_size) >= SMALL or channels is None:
        return network
    seen = trace(network, torch.zeros(2, channels, SMALL, SMALL))
    convs = [call for call in seen.calls if call.is_conv]
    first = convs[0].module
    assert isinstance(first, nn.Conv2d)
    second = convs[1].place if len(convs) > 1 else len(seen.calls)
    for call in seen.calls[:second]:
        if isinstance(call.module, nn.MaxPool2d | nn.AvgPool2d):
            replace_module(network, call.name, nn.Identity())
    if first.stride != (1, 1):
        kernel = tuple(min(3, side) for side in first.kernel_size)
        replace_module(network, convs[0].name, _like(first, kernel))
    return network


def _like(conv: nn.Conv2d, kernel: tuple[int, ...]) -> nn.Conv2d:
    return nn.Conv2d(
        conv.in_channels,
        conv.out_channels,
        (kernel[0], kernel[1]),
        padding=(kernel[0] // 2, kernel[1] // 2),
        groups=conv.groups,
        bias=conv.bias is not None,
    )


def _nearest(name: str, known: list[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else "see its list of models"
