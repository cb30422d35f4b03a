"""Networks of torchvision and timm by name, with a stem that suits the size of the images."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Annotated, Any

import torch
from torch import nn

from darkmagic.trainers.fields import check_arguments, text, whole
from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.graph import trace_model

__all__ = ["SMALL_IMAGE", "fit_stem_to_small_images", "timm_classifier", "torchvision_classifier"]

SMALL_IMAGE = 96
"""Below this many pixels, a stem made for 224 leaves too little of the image."""


@check_arguments
def torchvision_classifier(
    name: Annotated[str, text()],
    num_classes: Annotated[int, whole(at_least=1)],
    image_size: tuple[int, int],
    **kwargs: Any,
) -> nn.Module:
    """Return torchvision's classification network `name`, with fresh weights.

    It takes images of 3 channels. `image_size` is (height, width) in pixels: below
    `SMALL_IMAGE` the stem keeps the resolution. `kwargs` go to torchvision's builder. Raises
    `ValueError` for an unknown name.

    >>> net = torchvision_classifier("squeezenet1_1", num_classes=2, image_size=(32, 32))
    >>> net(torch.zeros(2, 3, 32, 32)).shape
    torch.Size([2, 2])
    """
    from torchvision import models  # noqa: PLC0415 (seconds, which other networks need not pay)

    known = models.list_models(module=models)
    if name not in known:
        raise ValueError(f"torchvision has no model {name!r}; {_nearest(name, known)}")
    if name in ("googlenet", "inception_v3"):  # whose defaults give three logits, and a warning
        kwargs = {"aux_logits": False, "init_weights": True, **kwargs}
    if name.startswith("vit_"):  # whose position embedding has one size
        kwargs = {"image_size": image_size[0], **kwargs}
    network: nn.Module = models.get_model(name, weights=None, num_classes=num_classes, **kwargs)
    if min(image_size) < SMALL_IMAGE:
        network = fit_stem_to_small_images(network)
    return network


@check_arguments
def timm_classifier(
    name: Annotated[str, text()],
    num_classes: Annotated[int, whole(at_least=1)],
    in_channels: Annotated[int, whole(at_least=1)],
    image_size: tuple[int, int] | None = None,
    **kwargs: Any,
) -> nn.Module:
    """Return timm's network `name`, with fresh weights unless `kwargs` say otherwise.

    `image_size` is (height, width) in pixels: below `SMALL_IMAGE` the stem keeps the
    resolution. `kwargs` go to `timm.create_model`. Raises `ValueError` for an unknown name,
    and where timm is not installed.

    >>> net = timm_classifier("resnet10t", num_classes=2, in_channels=1, image_size=(32, 32))
    >>> net(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 2])
    """
    try:
        import timm  # noqa: PLC0415 (an optional dependency)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"model {name!r} is timm's, which is not installed: pip install darkmagic[timm]"
        ) from error
    if not timm.is_model(name):
        raise ValueError(f"timm has no model {name!r}; {_nearest(name, timm.list_models())}")
    network: nn.Module = timm.create_model(
        name, num_classes=num_classes, in_chans=in_channels, **kwargs
    )
    if image_size is not None and min(image_size) < SMALL_IMAGE:
        network = fit_stem_to_small_images(network)
    return network


def fit_stem_to_small_images(network: nn.Module) -> nn.Module:
    """Return `network`, edited in place, with a stem that keeps the resolution.

    The first convolution to run gets stride 1, and 3x3 weights where its kernel is larger;
    a max-pool that runs before the second one is taken out. Networks of one convolution,
    such as transformers, cut patches with it and are left alone.
    """
    convolutions = [module for module in network.modules() if isinstance(module, nn.Conv2d)]
    if len(convolutions) < 2:
        return network
    # At this size every network runs as it was made to; what runs first depends on no size.
    example = torch.zeros(1, convolutions[0].in_channels, SMALL_IMAGE, SMALL_IMAGE)
    trace = trace_model(network, example)
    calls = [call for call in trace.calls if isinstance(call.module, (nn.Conv2d, nn.MaxPool2d))]
    replacements: dict[Any, nn.Module] = {}
    seen = 0
    for call in calls:
        if isinstance(call.module, nn.Conv2d):
            seen += 1
            if seen == 2:
                break
            if max(call.module.stride) > 1:
                replacements[call] = _unstrided(call.module)
        else:
            replacements[call] = nn.Identity()
    return replace_calls(network, trace, replacements)


def _unstrided(convolution: nn.Conv2d) -> nn.Conv2d:
    """Return a convolution of stride 1 that keeps the resolution: 3x3, or smaller if it was."""
    kernel = min(3, *convolution.kernel_size)
    new = nn.Conv2d(
        convolution.in_channels,
        convolution.out_channels,
        kernel,
        stride=1,
        padding=kernel // 2,
        groups=convolution.groups,
        bias=convolution.bias is not None,
    )
    if (kernel, kernel) == convolution.kernel_size:
        new.load_state_dict(convolution.state_dict())
    else:
        nn.init.kaiming_normal_(new.weight, mode="fan_out", nonlinearity="relu")
    return new


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"for example {', '.join(known[:3])}"
