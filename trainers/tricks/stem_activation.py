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
Conflicts: pretrained weights were trained with the activation they had. Only activations
that are modules can be replaced, not calls such as `F.relu`. Maxout units (`activation`) stay.
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
from darkmagic.trainers.models.structure import downscaling_activations, stem_activations
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
    keeps serving those. Raises `NotApplicable` where no activation there is a module.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> replace_stem_activations(net, torch.zeros(2, 3, 8, 8), "leaky_relu").stem[2]
    LeakyReLU(negative_slope=0.01, inplace=True)
    """
    trace = trace_model(model, example)
    calls = dict.fromkeys([*stem_activations(trace), *downscaling_activations(trace)])
    if not calls and any(isinstance(module, Maxout) for module in model.modules()):
        return model
    if not calls:
        raise NotApplicable(
            "stem_activation finds no activation module in a stem or downscaling layer"
        )
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
