"""Networks of torchvision and timm by name, with a stem that suits the size of the images."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Annotated, Any

from torch import nn

from darkmagic.distribution import install_extra
from darkmagic.trainers.fields import check_arguments, choice, text, whole
from darkmagic.trainers.models.fit_stem import Stem, fit_stem

__all__ = ["timm_classifier", "torchvision_classifier"]

LOADS_WEIGHTS = ("pretrained", "checkpoint_path")
"""Arguments of timm's builder that ask for weights, which a stem of another size would not have."""


@check_arguments
def torchvision_classifier(
    name: Annotated[str, text()],
    num_classes: Annotated[int, whole(at_least=1)],
    image_size: tuple[int, int],
    stem: Annotated[Stem, choice("auto", Stem)] = "auto",
    **kwargs: Any,
) -> nn.Module:
    """Return torchvision's classification network `name`, with fresh weights.

    It takes images of 3 channels. `image_size` is (height, width) in pixels, for which `stem`
    says whether the stem is made smaller (`trainers/models/fit_stem.py`). `kwargs` go to
    torchvision's builder. Raises `ValueError` for an unknown name.

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
    return fit_stem(network, image_size, stem)


@check_arguments
def timm_classifier(
    name: Annotated[str, text()],
    num_classes: Annotated[int, whole(at_least=1)],
    in_channels: Annotated[int, whole(at_least=1)],
    image_size: tuple[int, int] | None = None,
    stem: Annotated[Stem, choice("auto", Stem)] = "auto",
    **kwargs: Any,
) -> nn.Module:
    """Return timm's network `name`, with fresh weights unless `kwargs` say otherwise.

    `image_size` is (height, width) in pixels, for which `stem` says whether the stem is made
    smaller (`trainers/models/fit_stem.py`). `kwargs` go to `timm.create_model`. Raises `ValueError`
    for an unknown name, and where timm is not installed.

    >>> net = timm_classifier("resnet10t", num_classes=2, in_channels=1, image_size=(32, 32))
    >>> net(torch.zeros(2, 1, 32, 32)).shape
    torch.Size([2, 2])
    """
    try:
        import timm  # noqa: PLC0415 (an optional dependency)
    except ModuleNotFoundError as error:
        raise ValueError(
            f"model {name!r} is timm's, which is not installed: {install_extra('timm')}"
        ) from error
    if not timm.is_model(name):
        raise ValueError(f"timm has no model {name!r}; {_nearest(name, timm.list_models())}")
    network: nn.Module = timm.create_model(
        name, num_classes=num_classes, in_chans=in_channels, **kwargs
    )
    if image_size is None:
        return network
    loaded = any(kwargs.get(argument) for argument in LOADS_WEIGHTS)
    return fit_stem(network, image_size, stem, keep_weights=loaded)


def _nearest(name: str, known: Sequence[str]) -> str:
    close = difflib.get_close_matches(name, known, n=3, cutoff=0.5)
    return f"did you mean {' or '.join(close)}?" if close else f"for example {', '.join(known[:3])}"
