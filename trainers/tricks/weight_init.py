"""weight_init: from which distribution weights start.

What: draws new weights for every convolution and linear layer, and sets their biases to
zero: `he` (normal, variance 2 / fan-in), `xavier` (normal, variance 2 / (fan-in + fan-out)),
`orthogonal` (a random orthogonal matrix, times sqrt 2), `small_gaussian` (standard deviation
`std`) or `constant` (`value` everywhere). Weights that weight norm, spectral norm or another
parametrisation computes are drawn alike, before what it makes of them. `own` leaves the weights
that the network's author drew, or that its factory loaded.
Why: variance of activations and gradients should neither vanish nor explode with depth. A
constant leaves all channels of a layer equal for ever: it is there to see it fail.
When it helps: in deep networks without normalisation, decisively; behind batch norm the scale
hardly matters. He is for ReLU, Xavier for tanh.
Places: layers with weights; one of another kind, such as attention's projection, stays.
Conflicts: pretrained weights would be overwritten, or overwrite it: refused, but for `he`,
which then draws only what was not pretrained.
Source: He et al. 2015 (arXiv 1502.01852), equation 10; Glorot & Bengio 2010 (AISTATS),
equation 12; Saxe et al. 2014 (arXiv 1312.6120); Krizhevsky et al. 2012 (NIPS) for 0.01.
"""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from darkmagic.trainers.fields import choice, number
from darkmagic.trainers.models.graph import trace_model
from darkmagic.trainers.models.places import layers
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.models.weights import set_weight
from darkmagic.trainers.trick import EditStage, NotApplicable, Trick
from darkmagic.trainers.tricks.pretrain import Pretrain, loaded_tensors

__all__ = ["Scheme", "WeightInit", "draw_weights", "initialize"]

Scheme = Literal["he", "xavier", "orthogonal", "small_gaussian", "constant"]


def draw_weights(weight: Tensor, scheme: Scheme, std: float = 0.01, value: float = 0.01) -> None:
    """Fill `weight` (outputs, inputs, ...) in place, by the global generator.

    >>> weight = torch.empty(4, 4)
    >>> draw_weights(weight, "orthogonal")
    >>> torch.allclose(weight @ weight.T, 2 * torch.eye(4), atol=1e-5)  # He"s gain
    True
    """
    if scheme == "he":
        nn.init.kaiming_normal_(weight, nonlinearity="relu")
    elif scheme == "xavier":
        nn.init.xavier_normal_(weight)
    elif scheme == "orthogonal":
        nn.init.orthogonal_(weight, gain=math.sqrt(2))
    elif scheme == "small_gaussian":
        nn.init.normal_(weight, std=std)
    else:
        nn.init.constant_(weight, value)


def initialize(
    model: nn.Module, scheme: Scheme, std: float, value: float, keep: Collection[int] = ()
) -> int:
    """Draw the weights of `model` in place; return how many layers that were.

    Tensors whose `id` is among `keep` stay as they are.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> initialize(net, "he", std=0.01, value=0.01)
    2
    """
    layers = [m for m in model.modules() if isinstance(m, (nn.Conv2d, nn.Linear))]
    for layer in layers:
        if id(layer.weight) not in keep:
            drawn = torch.empty_like(layer.weight)
            draw_weights(drawn, scheme, std, value)
            set_weight(layer, drawn)
        if layer.bias is not None and id(layer.bias) not in keep:
            nn.init.zeros_(layer.bias)
    return len(layers)


@dataclass(frozen=True)
class WeightInit(Trick):
    """Weights by `scheme`; `std` is small_gaussian's, and `value` the constant.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> net = WeightInit("constant", value=0.01).edit_model(net, torch.zeros(2, 3, 8, 8))
    >>> net[0].weight.unique()
    tensor([0.0100], grad_fn=<Unique2Backward0>)
    """

    scheme: Scheme = choice("he", Scheme)
    std: float = number(0.01, above=0)
    value: float = number(0.01)

    @property
    def edit_stage(self) -> EditStage:
        return EditStage.INIT

    def conflict(self, other: Trick) -> str | None:
        if isinstance(other, Pretrain) and self.scheme != "he":
            return f"{self.scheme} initialisation and pretrained weights would overwrite each other"
        return None

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        loaded = loaded_tensors(model)
        keep = {id(tensor) for tensor in loaded.tensors} if loaded is not None else set()
        drawn = initialize(model, self.scheme, self.std, self.value, keep)
        if not drawn:
            raise NotApplicable("weight_init finds no convolution or linear layer in the model")
        count_places(drawn, drawn + _other_layers(model, example))
        return model


def _other_layers(model: nn.Module, example: Tensor) -> int:
    """Return how many places multiply data by weights of another kind than those drawn."""
    products = [op for op in layers(trace_model(model, example)) if len(op.inputs) == 1]
    calls = [op.function or op.call for op in products]
    return len(
        {
            call.place
            for call in calls
            if call is not None and not isinstance(call.module, (nn.Conv2d, nn.Linear))
        }
    )
