"""activation: another nonlinearity in the whole network.

What: replaces every activation between layers by `relu`, `leaky_relu` (`slope` below zero),
`prelu` (one learned slope a layer, from `slope`), `elu`, `swish` (SiLU), `gelu`, `tanh`,
`sigmoid` or `maxout`; `own` leaves the network as it is. Gates and what acts on logits stay.
Maxout makes the layer before an activation `pieces` times as wide, through its norm, and takes
the largest of each `pieces` channels, with as many more weights in that layer; after a sum there
is no layer to widen, so there the activation stays.
Why: ReLU passes no gradient below zero; the others do, or are smoother, or (maxout) learn
their form. Tanh and sigmoid flatten on both sides, which is why deep networks left them.
When it helps: swish and gelu often by a little, in deep networks, for more memory and time.
Places: activations between layers, be they modules, calls such as `F.relu`, or classes of one's
own that work value by value. A call in a function that is no method cannot be replaced.
Conflicts: pretrained weights were trained with the activation they had; maxout keeps them in
the first piece. `stem_activation` has the last word on its places, but leaves maxout.
Source: Nair & Hinton 2010 (ICML) for ReLU; Maas et al. 2013 (ICML workshop) leaky ReLU; He
et al. 2015 (arXiv 1502.01852) PReLU; Clevert et al. 2016 (arXiv 1511.07289) ELU; Ramachandran
et al. 2017 (arXiv 1710.05941) swish; Hendrycks & Gimpel 2016 (arXiv 1606.08415) GELU;
Goodfellow et al. 2013 (arXiv 1302.4389) maxout.
Published:
- leaky_relu against relu: +0.19; SqueezeNet; CIFAR-10; 50 epochs, Adam, slope 0.3, mean of 23; Mish
  README, significance level table
- swish against relu: +0.66; SqueezeNet; CIFAR-10; 50 epochs, Adam, mean of 23; Mish README,
  significance level table
- gelu against relu: +0.71; SqueezeNet; CIFAR-10; 50 epochs, Adam, mean of 23; Mish README,
  significance level table
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from darkmagic.trainers.fields import choice, number, whole
from darkmagic.trainers.models.activations import activation_places
from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.graph import Call, Trace, trace_model
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.models.widen import widen_for_maxout
from darkmagic.trainers.trick import EditStage, NotApplicable, Trick

__all__ = ["Activation", "ActivationName", "activation_calls", "replace_activations"]

ActivationName = Literal[
    "relu", "leaky_relu", "prelu", "elu", "swish", "gelu", "tanh", "sigmoid", "maxout"
]
_MODULES: dict[str, type[nn.Module]] = {
    "relu": nn.ReLU,
    "leaky_relu": nn.LeakyReLU,
    "prelu": nn.PReLU,
    "elu": nn.ELU,
    "swish": nn.SiLU,
    "gelu": nn.GELU,
    "tanh": nn.Tanh,
    "sigmoid": nn.Sigmoid,
}


def replace_activations(
    model: nn.Module, example: Tensor, activation: ActivationName, slope: float, pieces: int
) -> nn.Module:
    """Return `model`, edited in place, with `activation` between its layers.

    `example` (B, C, H, W) is what the model takes. What is the right module already stays.
    Raises `NotApplicable` where no activation can be replaced, or maxout finds no layer.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> replace_activations(net, torch.zeros(2, 3, 8, 8), "prelu", slope=0.25, pieces=2)[1]
    PReLU(num_parameters=1)
    """
    trace = trace_model(model, example)
    places = activation_places(trace)
    if activation == "relu" and all(place.op.name == "relu" for place in places):
        return model
    calls = activation_calls(trace)
    if activation == "maxout":
        units = {call: widen_for_maxout(trace, call, pieces) for call in calls}
        widened = {call: unit for call, unit in units.items() if unit is not None}
        if not widened:
            raise NotApplicable(
                "activation=maxout finds no activation on the result of a layer that it can widen"
            )
        count_places(len(widened), len(places))
        return replace_calls(model, trace, widened)
    count_places(len(calls), len(places))
    kind = _MODULES[activation]
    return replace_calls(
        model,
        trace,
        {
            call: _module(kind, slope, call.module)
            for call in calls
            if type(call.module) is not kind
        },
    )


def activation_calls(trace: Trace) -> list[Call]:
    """Return the calls of activations that can be replaced; raises `NotApplicable` without any.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> [call.module for call in activation_calls(trace_model(net, torch.zeros(2, 3, 8, 8)))]
    [ReLU()]
    """
    places = activation_places(trace)
    calls = [place.call for place in places if place.call is not None]
    if not places:
        raise NotApplicable("activation finds none between the model's layers")
    if not calls:
        raise NotApplicable(
            f"none of the model's {len(places)} activations can be replaced: they are computed "
            "outside of the methods of its modules, or without a source to read"
        )
    return calls


def _module(kind: type[nn.Module], slope: float, old: nn.Module) -> nn.Module:
    if kind is nn.PReLU:
        return nn.PReLU(init=slope)
    if kind in (nn.GELU, nn.Tanh, nn.Sigmoid):
        return kind()
    inplace = bool(getattr(old, "inplace", False))  # safe where the old one was
    return nn.LeakyReLU(slope, inplace) if kind is nn.LeakyReLU else kind(inplace=inplace)


@dataclass(frozen=True)
class Activation(Trick):
    """`activation` in the whole network; `slope` of leaky ReLU and PReLU, `pieces` of maxout.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> Activation("swish").edit_model(net, torch.zeros(2, 3, 8, 8))[1]
    SiLU()
    """

    activation: ActivationName = choice("relu", ActivationName)
    slope: float = number(0.01, at_least=0, below=1)
    pieces: int = whole(2, at_least=2)

    @property
    def edit_stage(self) -> EditStage:
        return EditStage.KINDS

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        return replace_activations(model, example, self.activation, self.slope, self.pieces)
