"""pooling: how feature maps lose resolution between stages.

What: replaces every pooling with a stride, the global one apart, by `max`, `average` or
`strided_convolution` (of the pooling's kernel and stride, C to C channels, and the activation
that the map before it had). `lrn` is the historical form: local response normalisation in
front of each pooling, by `size` neighbouring channels. A network without such pooling is left
as it is by `max`; the others do not apply to it. `own` leaves the network as it is.
Why: max keeps the strongest response and its gradient reaches one place in four; average
keeps the mean and a smooth gradient; a convolution learns what to keep, for its weights.
When it helps: max is the usual best where features are sparse; a strided convolution where
there are data to train it. LRN is of interest to see why it was left for batch norm.
Places: poolings with a stride, be they modules or calls such as `F.max_pool2d`. A class of
one's own that derives from a pooling's may do more, and stays.
Conflicts: `lrn` with batch norm or any other norm in the same place: refused, unless
`normalization=none` takes it out.
Source: Springenberg et al. 2015 (arXiv 1412.6806) for convolutions; Boureau et al. 2010 (ICML)
for max against average; Krizhevsky et al. 2012 (NIPS), section 3.3, for LRN and its numbers.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any, Literal

from torch import Tensor, nn

from darkmagic.trainers.fields import choice, whole
from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.extend import Before
from darkmagic.trainers.models.graph import Call, Op, Trace, trace_model
from darkmagic.trainers.models.operators import ACTIVATIONS
from darkmagic.trainers.models.places import call_with_result, classifier, global_pooling
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.trick import NotApplicable, Trick
from darkmagic.trainers.tricks.normalization import Normalization

__all__ = ["Pooling", "PoolingName", "replace_poolings", "response_norm"]

PoolingName = Literal["max", "average", "strided_convolution", "lrn"]
_POOLINGS = ("max_pool2d_with_indices", "avg_pool2d")


def response_norm(size: int) -> nn.LocalResponseNorm:
    """Return AlexNet's normalisation: x / (2 + 1e-4 * sum of squares of `size` channels)^0.75.

    >>> response_norm(size=5)(torch.ones(1, 5, 1, 1)).flatten()
    tensor([0.5945, 0.5945, 0.5945, 0.5945, 0.5945])
    """
    return nn.LocalResponseNorm(size, alpha=1e-4 * size, beta=0.75, k=2)  # it takes the mean


def replace_poolings(
    model: nn.Module, example: Tensor, pooling: PoolingName, size: int
) -> nn.Module:
    """Return `model`, edited in place, with `pooling` between its stages.

    `example` (B, C, H, W) is what the model takes. Raises `NotApplicable` where there is no
    pooling (but for max, the default) or none that can be replaced.

    >>> net = nn.Sequential(
    ...     nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2)
    ... )
    >>> replace_poolings(net, torch.zeros(2, 3, 8, 8), "strided_convolution", size=5)[2]
    Sequential(
      (0): Conv2d(4, 4, kernel_size=(2, 2), stride=(2, 2))
      (1): ReLU()
    )
    """
    trace = trace_model(model, example)
    ops = _pooling_ops(trace)
    if pooling == "max" and all(op.name == "max_pool2d_with_indices" for op in ops):
        return model
    calls = _pooling_calls(ops)
    count_places(len(calls), len(ops))
    if pooling == "lrn":
        return replace_calls(
            model, trace, {c: Before(c.module, "lrn", _lrn(c, size)) for c in calls}
        )
    kind = {"max": nn.MaxPool2d, "average": nn.AvgPool2d}.get(pooling)
    return replace_calls(
        model,
        trace,
        {
            call: _convolution(call) if kind is None else _pool(kind, call.module)
            for call in calls
            if kind is None or not isinstance(call.module, kind)
        },
    )


def _pooling_ops(trace: Trace) -> list[Op]:
    last, overall = classifier(trace), global_pooling(trace)
    return [
        op
        for op in trace.ops
        if op.name in _POOLINGS and op.stride > 1 and op is not overall
        if last is not None and last.follows(op)
    ]


def _pooling_calls(ops: list[Op]) -> list[Call]:
    if not ops:
        raise NotApplicable("pooling finds none with a stride between the model's layers")
    found = [call for op in ops if (call := op.path[-1]).output is op]
    calls = [c for c in found if type(c.module) in (nn.MaxPool2d, nn.AvgPool2d) and c.replaceable]
    if not calls:
        raise NotApplicable(
            f"none of the model's {len(ops)} poolings can be replaced: they pad by themselves, or "
            "run outside of the methods of its modules"
        )
    return calls


def _pool(kind: type[nn.Module], old: Any) -> nn.Module:
    if getattr(old, "dilation", 1) not in (1, (1, 1)):
        raise NotApplicable("a dilated max pooling has no other form")
    form = (old.kernel_size, old.stride, old.padding)
    if kind is nn.AvgPool2d:
        return nn.AvgPool2d(*form, old.ceil_mode, count_include_pad=False)
    return nn.MaxPool2d(*form, ceil_mode=old.ceil_mode)


def _convolution(call: Call) -> nn.Module:
    """Return a convolution in the pooling's place, and an activation: two layers in a row
    without one would be no more than one.
    """
    old: Any = call.module
    assert call.input is not None
    if old.ceil_mode:
        raise NotApplicable("a pooling that rounds sizes up (ceil_mode) is no convolution")
    channels = call.input.shape[1]
    convolution = nn.Conv2d(channels, channels, old.kernel_size, old.stride, old.padding)
    nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")
    return nn.Sequential(convolution, _activation(call.input))


def _activation(op: Op) -> nn.Module:
    call = call_with_result(op) if op.name in ACTIVATIONS else None
    own_work = call is not None and call.input in op.inputs
    return copy.deepcopy(call.module) if call is not None and own_work else nn.ReLU(inplace=True)


def _lrn(call: Call, size: int) -> nn.Module:
    op = call.input
    while op is not None and len(op.inputs) == 1 and op.name in ACTIVATIONS:
        op = op.inputs[0]
    if op is not None and "norm" in op.name:
        raise NotApplicable(
            "the model normalises already what LRN would: trick/normalization=none takes it out"
        )
    return response_norm(size)


@dataclass(frozen=True)
class Pooling(Trick):
    """`pooling` between stages; `size` is LRN's, in channels.

    >>> net = nn.Sequential(
    ...     nn.Conv2d(3, 4, 3), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(), nn.Linear(36, 2)
    ... )
    >>> Pooling("average").edit_model(net, torch.zeros(2, 3, 8, 8))[2]
    AvgPool2d(kernel_size=2, stride=2, padding=0)
    """

    pooling: PoolingName = choice("max", PoolingName)
    size: int = whole(5, at_least=1)

    def conflict(self, other: Trick) -> str | None:
        if self.pooling != "lrn" or not isinstance(other, Normalization):
            return None
        if other.normalization == "none":
            return None
        return f"LRN and {other.normalization} norm would normalise the same maps"

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        return replace_poolings(model, example, self.pooling, self.size)
