"""Forty networks of the kinds that people train: torchvision's, timm's and written by hand."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from torch import nn

import calling_kinds as calling
import layer_kinds as own
import library_kinds as libraries
import own_networks
from darkmagic.trainers.models.build import build_network
from darkmagic.trainers.models.resnet import SmallResNet

__all__ = ["BY_HAND", "SIZE", "ZOO", "build", "quarter"]

SIZE = 32
"""Pixels of a side of the images that all of them take."""


BY_HAND: dict[str, Callable[..., nn.Module]] = {
    "tutorial": own_networks.Tutorial,
    "lenet": calling.lenet,
    "functional": calling.Functional,
    "own_activation": own_networks.OwnActivation,
    "own_norms": own.OwnNorms,
    "plain_list": calling.PlainList,
    "closure": calling.Closure,
    "made_in_forward": calling.MadeInForward,
    "second_list": calling.SecondList,
    "shared_block": calling.SharedBlock,
    "tied_weights": calling.TiedWeights,
    "weight_norm": calling.weight_normed,
    "gated": calling.Gated,
    "training_path": calling.TrainingPath,
    "stacked_sum": own.Stacked,
    "lerp_sum": own.Interpolated,
    "scaled_sum": own.Scaled,
    "two_conv_shortcut": own.Projected,
    "calls_super": own.CallsSuper,
    "transposed": own.Transposed,
    "encoder_layer": own.Encoder,
    "vit_by_hand": own_networks.Vit,
    "mixer_by_hand": own.Mixer,
    "reads_attributes": own.ReadsAttributes,
    "resnet8": partial(SmallResNet, depth=8, width=4),
}

LIBRARIES = {name.replace("_", " ", 1): getattr(libraries, name) for name in libraries.__all__}

ZOO = {**BY_HAND, **LIBRARIES}


def quarter(index: int) -> list[str]:
    """Return the names of every fourth network, from the `index`-th on."""
    return list(ZOO)[index::4]


def build(name: str, num_classes: int, in_channels: int, image_size: tuple[int, int]) -> nn.Module:
    """Return the network `name`, as a configuration asks for it."""
    return build_network(
        ZOO[name], num_classes=num_classes, in_channels=in_channels, image_size=image_size
    )
