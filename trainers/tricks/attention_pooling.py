"""attention_pooling: average the last feature map with learned weights.

What: in place of the global average, each of `heads` shares of the channels gets a weighted
one: a learned score of every position, softmax over the positions, and the sum so weighted.
Scores start at zero, so that the network starts as it was, with the plain average. Costs
heads x C weights.
Why: the average weighs background as much as the object.
When it helps: large images and small objects, fine-grained classes; on maps of a few pixels
there is little to choose from.
Places: the global average that the classifier reads, be it a module or a call such as `x.mean`.
Conflicts: none. Pretrained tensors keep their names and values, and compute the same at first.
Source: Touvron et al. 2021 (arXiv 2112.13692), a learned query in place of the average; Ilse
et al. 2018 (arXiv 1802.04712), equation 7 without its hidden layer.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from darkmagic.trainers.fields import whole
from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.extend import After, Before
from darkmagic.trainers.models.graph import Call, Trace, trace_model
from darkmagic.trainers.models.places import call_with_result, global_pooling
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.trick import NotApplicable, Trick

__all__ = ["AttentionPooling", "PositionWeights", "add_attention_pooling"]


class PositionWeights(nn.Module):
    """Weigh the positions of maps (B, C, H, W), so that their plain average is the weighted.

    >>> weigh = PositionWeights(channels=4)
    >>> weigh(torch.ones(1, 4, 2, 2)).mean((2, 3))
    tensor([[1., 1., 1., 1.]], grad_fn=<MeanBackward1>)
    """

    def __init__(self, channels: int, heads: int = 1) -> None:
        super().__init__()
        self.heads = heads
        self.query = nn.Parameter(torch.zeros(heads, channels))  # no layer for weight_init to draw

    def weights(self, maps: Tensor) -> Tensor:
        """Return (B, heads, H, W), which sum to 1 over the positions."""
        scores = torch.matmul(self.query, maps.flatten(2))
        return torch.softmax(scores, -1).view(len(maps), self.heads, *maps.shape[2:])

    def forward(self, maps: Tensor) -> Tensor:
        """Return `maps` times the weights times H W: a global average divides by H W."""
        weights = self.weights(maps) * math.prod(maps.shape[2:])
        return maps * weights.repeat_interleave(maps.shape[1] // self.heads, 1)


def add_attention_pooling(model: nn.Module, example: Tensor, heads: int) -> nn.Module:
    """Return `model`, edited in place, with `PositionWeights` before its global average.

    `example` (B, C, H, W) is what the model takes. Raises `NotApplicable` where it does not
    average over all positions of a map, or where no module is there to put them to.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = add_attention_pooling(net, torch.zeros(2, 3, 8, 8), heads=1)
    >>> [name for name, part in edited.named_modules() if isinstance(part, PositionWeights)]
    ['blocks.2.act2.attention']
    """
    trace = trace_model(model, example)
    pooling = global_pooling(trace)
    if pooling is None:
        raise NotApplicable(
            "attention_pooling replaces the global average of a map, and the model has none"
        )
    maps = pooling.inputs[0]
    channels = maps.shape[1]
    if channels % heads:
        raise NotApplicable(f"{heads} heads cannot share the {channels} channels of the last map")
    weights = PositionWeights(channels, heads)
    pool, layer = _pooling_call(trace), call_with_result(maps)
    count_places(1, 1)
    if pool is not None:
        return replace_calls(model, trace, {pool: Before(pool.module, "attention", weights)})
    written = pooling.function
    if written is not None and (layer is None or not layer.registered):
        return replace_calls(model, trace, {written: Before(written.module, "attention", weights)})
    if layer is None or len(trace.consumers(maps)) > 1:
        raise NotApplicable(
            "attention_pooling finds no layer to follow: the map is made, or read, elsewhere too"
        )
    return replace_calls(model, trace, {layer: After(layer.module, "attention", weights)})


def _pooling_call(trace: Trace) -> Call | None:
    """Return the outermost call that takes the map and pools it, and does no more than that."""
    pooling = global_pooling(trace)
    assert pooling is not None
    found = [
        call
        for call in trace.calls
        if call.registered
        and call.input is pooling.inputs[0]
        and call.output is not None
        and call.output.follows(pooling)
        and call.output.shape[1] == pooling.shape[1]
        and not list(call.module.parameters())
    ]
    return found[0] if found else None


@dataclass(frozen=True)
class AttentionPooling(Trick):
    """The global average with learned weights, of `heads` shares of the channels.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = AttentionPooling(heads=2).edit_model(net, torch.zeros(2, 3, 8, 8))
    >>> edited(torch.zeros(2, 3, 8, 8)).shape
    torch.Size([2, 10])
    """

    keeps_output: ClassVar[bool] = True
    heads: int = whole(1, at_least=1)

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        return add_attention_pooling(model, example, self.heads)
