"""stem_activation: another activation where the network loses resolution.

What: replaces the activations of the stem and of the downscaling layers, and no other. The
stem is all that runs before the first residual block; in a network without any, the first
stage, up to the first change of resolution after the first convolution. A downscaling layer
is a convolution or pooling of stride 2 or more, outside shortcuts, with a convolution after
it; its activation is the one on its own output, or where it has none, the one before it.
Why: these few layers throw information away for good; leaky ReLU (and swish) let negative
values through where that happens, for next to no cost.
When it helps: a little; more in small networks with narrow stems. `relu` on a network of
ReLUs changes nothing, and `own` changes no network.
Places: those activations, be they modules, calls such as `F.relu`, or classes of one's own.
Conflicts: pretrained weights were trained with the activation they had. Gates stay, and maxout
units (`activation`).
Source: Ridnik's article; Ridnik et al. 2021 (TResNet, arXiv 2003.13630) for leaky ReLU in
stem and downscaling layers; Ramachandran et al. 2017 (arXiv 1710.05941) for swish.
Published:
- none found.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from darkmagic.trainers.fields import choice, number
from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.graph import trace_model
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.models.stem import downscaling_activations, stem_activations
from darkmagic.trainers.models.widen import Maxout
from darkmagic.trainers.trick import NotApplicable, Trick

__all__ = ["Activation", "StemActivation", "replace_stem_activations"]

Activation = Literal["leaky_relu", "relu", "swish"]


def replace_stem_activations(
    model: nn.Module, example: Tensor, activation: Activation, negative_slope: float = 0.01
) -> nn.Module:
    """Return `model`, edited in place, with `activation` in its stem and downscaling layers.

    `example` (B, C, H, W) is what the model takes; `negative_slope` is leaky ReLU's. What is
    ReLU already stays the module it is under `relu`. A module that also serves other places
    keeps serving those. Raises `NotApplicable` where there is no activation there, or none that
    can be replaced.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> replace_stem_activations(net, torch.zeros(2, 3, 8, 8), "leaky_relu").stem[2]
    LeakyReLU(negative_slope=0.01, inplace=True)
    """
    trace = trace_model(model, example)
    found = [*stem_activations(trace), *downscaling_activations(trace)]
    places = list({place.op: place for place in found}.values())
    if not places and any(isinstance(module, Maxout) for module in model.modules()):
        return model
    if not places:
        raise NotApplicable("stem_activation finds no activation in a stem or downscaling layer")
    if activation == "relu" and all(place.op.name == "relu" for place in places):
        return model
    calls = [place.call for place in places if place.call is not None]
    if not calls:
        raise NotApplicable(
            f"stem_activation cannot replace the {len(places)} activations of the stem and "
            "downscaling layers: they are computed outside of the methods of modules"
        )
    count_places(len(calls), len(places))
    return replace_calls(
        model,
        trace,
        {
            call: _activation(activation, negative_slope, call.module)
            for call in calls
            if not (activation == "relu" and type(call.module) is nn.ReLU)
        },
    )


def _activation(name: Activation, negative_slope: float, old: nn.Module) -> nn.Module:
    inplace = bool(getattr(old, "inplace", False))  # safe where the old one was
    if name == "leaky_relu":
        return nn.LeakyReLU(negative_slope, inplace=inplace)
    return nn.SiLU(inplace=inplace) if name == "swish" else nn.ReLU(inplace=inplace)


@dataclass(frozen=True)
class StemActivation(Trick):
    """`activation` in the stem and the downscaling layers; `negative_slope` is leaky ReLU's.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> StemActivation("swish").edit_model(net, torch.zeros(2, 3, 8, 8)).stem[2]
    SiLU(inplace=True)
    """

    activation: Activation = choice("leaky_relu", Activation)
    negative_slope: float = number(0.01, at_least=0, below=1)

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        return replace_stem_activations(model, example, self.activation, self.negative_slope)
