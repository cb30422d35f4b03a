"""activation_order: activate before or after max pooling.

What: where an activation and a max pooling follow each other directly, puts the activation
`before` the pooling, as most networks have it, or `after`. A network without such a pair is
left as it is by `before`, which baselines have; `after` does not apply to it.
Why: an activation that never falls (ReLU, leaky ReLU, tanh...) commutes with the maximum: the
result is the same, and after a 2 x 2 pooling it works on a quarter of the values. One that
does fall somewhere (swish, GELU) does not commute.
When it helps: time and memory, by a little; accuracy only with swish or GELU. With ReLU the
trial changes nothing but its cost: it is inert.
Places: such pairs, be they modules or calls such as `F.max_pool2d(F.relu(x), 2)`.
Conflicts: none. Weights stay.
Source: Ciresan et al. 2011 (IJCAI) pool before they activate; Krizhevsky et al. 2012 (NIPS)
after. That they commute is a line of algebra.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

from darkmagic.trainers.fields import choice
from darkmagic.trainers.models.activations import activation_places
from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.extend import After, Before
from darkmagic.trainers.models.graph import Call, Trace, trace_model
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.trick import NotApplicable, Trick

__all__ = ["ActivationOrder", "Order", "activate", "neighbours"]

Order = Literal["before", "after"]


def neighbours(trace: Trace) -> list[tuple[Call, Call]]:
    """Return pairs of an activation and a max pooling, in the order in which they run.

    >>> net = nn.Sequential(
    ...     nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2)
    ... )
    >>> [(a.module, b.module) for a, b in neighbours(trace_model(net, torch.zeros(2, 3, 8, 8)))]
    [(ReLU(), MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False))]
    """
    activations = [place.call for place in activation_places(trace) if place.call is not None]
    pools = [c for c in trace.calls if isinstance(c.module, nn.MaxPool2d) and c.replaceable]
    pairs = [(a, p) for a in activations for p in pools]
    return [pair for ap in pairs for pair in (ap, ap[::-1]) if _follow(trace, *pair)]


def _follow(trace: Trace, first: Call, second: Call) -> bool:
    result = first.output
    return result is not None and second.input is result and len(trace.consumers(result)) == 1


def activate(model: nn.Module, example: Tensor, order: Order) -> nn.Module:
    """Return `model`, edited in place, with activations `order` (before, after) max pooling.

    `example` (B, C, H, W) is what the model takes. Raises `NotApplicable` where none has
    anything to do with a max pooling (but for before, the default).

    >>> net = nn.Sequential(
    ...     nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2)
    ... )
    >>> activate(net, torch.zeros(2, 3, 8, 8), "after")[1:3]
    Sequential(
      (1): Identity()
      (2): After(
        (layer): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
        (activation): ReLU()
      )
    )
    """
    trace = trace_model(model, example)
    pairs = neighbours(trace)
    if not pairs and order == "after":
        raise NotApplicable(
            "activation_order finds no activation right before or after a max pooling"
        )
    replacements: dict[Call, nn.Module] = {}
    for first, second in pairs:
        pooled_first = isinstance(first.module, nn.MaxPool2d)
        if pooled_first and order == "before":
            replacements[first] = Before(first.module, "activation", second.module)
            replacements[second] = nn.Identity()
        elif not pooled_first and order == "after":
            replacements[second] = After(second.module, "activation", first.module)
            replacements[first] = nn.Identity()
    if replacements:
        count_places(len(replacements) // 2, len(replacements) // 2)
    return replace_calls(model, trace, replacements)


@dataclass(frozen=True)
class ActivationOrder(Trick):
    """Activate `order` max pooling: before or after.

    >>> net = nn.Sequential(
    ...     nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2)
    ... )
    >>> ActivationOrder("after").edit_model(net, torch.zeros(2, 3, 8, 8))[1:3]
    Sequential(
      (1): Identity()
      (2): After(
        (layer): MaxPool2d(kernel_size=2, stride=2, padding=0, dilation=1, ceil_mode=False)
        (activation): ReLU()
      )
    )
    """

    order: Order = choice("before", Order)

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        return activate(model, example, self.order)
