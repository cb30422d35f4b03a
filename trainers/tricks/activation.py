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
Conflicts: pretrained weights were trained with the activation they had; maxout keeps them in
the first piece. Only activations that are modules can be replaced, not calls like `F.relu`.
`stem_activation` has the last word on its places, but leaves maxout.
Source: Nair & Hinton 2010 (ICML) for ReLU; Maas et al. 2013 (ICML workshop) leaky ReLU; He
et al. 2015 (arXiv 1502.01852) PReLU; Clevert et al. 2016 (arXiv 1511.07289) ELU; Ramachandran
et al. 2017 (arXiv 1710.05941) swish; Hendrycks & Gimpel 2016 (arXiv 1606.08415) GELU;
Goodfellow et al. 2013 (arXiv 1302.4389) maxout.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from darkmagic.trainers.fields import choice, number, whole
from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.graph import Call, Op, Trace, trace_model
from darkmagic.trainers.models.places import find_activations
from darkmagic.trainers.models.widen import Maxout, widen_for_maxout
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
    Raises `NotApplicable` where not every activation is a module, or maxout finds no layer.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> replace_activations(net, torch.zeros(2, 3, 8, 8), "prelu", slope=0.25, pieces=2)[1]
    PReLU(num_parameters=1)
    """
    trace = trace_model(model, example)
    if activation == "relu" and all(op.name == "relu" for op in find_activations(trace)):
        return model
    calls = activation_calls(trace)
    if activation == "maxout":
        widened = [call for call in calls if widen_for_maxout(trace, call, pieces)]
        if not widened:
            raise NotApplicable(
                "activation=maxout finds no activation on the result of a layer that it can widen"
            )
        return replace_calls(model, trace, {call: Maxout(pieces) for call in widened})
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
    """Return the module calls of all activations; raises `NotApplicable` where some have none.

    >>> net = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 2))
    >>> [call.module for call in activation_calls(trace_model(net, torch.zeros(2, 3, 8, 8)))]
    [ReLU()]
    """
    ops = find_activations(trace)
    calls = [op.call for op in ops if op.call is not None and _is_whole_work(op.call, op)]
    if not ops:
        raise NotApplicable("activation finds none between the model's layers")
    if len(calls) < len(ops):
        raise NotApplicable(
            f"{len(ops) - len(calls)} of the model's {len(ops)} activations are no modules of "
            "their own but calls such as F.relu, which cannot be replaced"
        )
    return calls


def _is_whole_work(call: Call, op: Op) -> bool:
    return call.output is op and call.input is op.inputs[0]


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
