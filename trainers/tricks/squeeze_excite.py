"""squeeze_excite: let each channel be weighed by what the whole image holds.

What: a block averages each channel over the image, passes the averages through two small
fully connected layers (C to C / ratio to C), and scales the channels by the result, which a
sigmoid keeps in [0, 1]. It adds 2 C^2 / r + C / r + C parameters at width C.
Where: at the end of each residual block, before the addition; in a network without residual
blocks, after the last convolution (and its norm) of each stage, a stage being the layers of one
resolution.
Why: convolutions see a neighbourhood; this lets a layer react to the whole at little cost.
When it helps: nearly always on ImageNet, by half a point to one and a half, for a tenth more
parameters; its share of the time on small images can be large.
Conflicts: networks that have such blocks already (EfficientNet, MobileNetV3) are left alone.
Pretrained weights keep their tensors; the new blocks start fresh.
Source: Hu et al. 2018 (arXiv 1709.01507), sections 3 and 6.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from darkmagic.trainers.models.surgery import replace_module
from darkmagic.trainers.models.trace import Call, Trace, trace
from darkmagic.trainers.trick import NotApplicable, Trick

__all__ = ["Excited", "SqueezeExcite", "SqueezeExciteBlock", "places_for_blocks"]


class SqueezeExciteBlock(nn.Module):
    """Scale `channels` channels by a gate that their averages decide.

    The middle has `channels // ratio` units, and at least one.
    """

    def __init__(self, channels: int, ratio: int) -> None:
        super().__init__()
        middle = max(1, channels // ratio)
        self.squeeze = nn.Linear(channels, middle)
        self.act = nn.ReLU(inplace=True)
        self.excite = nn.Linear(middle, channels)
        self.gate = nn.Sigmoid()

    def forward(self, features: Tensor) -> Tensor:
        """Return features (B, C, H, W), scaled a channel."""
        gate: Tensor = self.gate(self.excite(self.act(self.squeeze(features.mean((2, 3))))))
        return features * gate[:, :, None, None]


class Excited(nn.Sequential):
    """A layer and the block behind it, in the layer's place."""


@dataclass(frozen=True)
class SqueezeExcite(Trick):
    """Put blocks of `ratio` into any convolutional network."""

    ratio: int = 16

    def __post_init__(self) -> None:
        if self.ratio < 1:
            raise ValueError(f"ratio={self.ratio}: need 1 or more")

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        if any(_has_own(module) for module in model.modules()):
            raise NotApplicable("the network has squeeze-and-excite blocks of its own")
        for call in places_for_blocks(trace(model, example)):
            block = SqueezeExciteBlock(call.out_shape[1], self.ratio)
            replace_module(model, call.name, Excited(call.module, block))
        return model


def places_for_blocks(seen: Trace) -> list[Call]:
    """Return the calls behind which blocks belong. Raises `NotApplicable` without any."""
    residual = [a.branch for a in seen.additions if a.branch is not None]
    if residual:
        chosen = [seen.calls[place] for place in dict.fromkeys(residual)]
    elif seen.additions:
        raise NotApplicable("no layer ends the residual branches: something is done in between")
    else:
        chosen = _ends_of_stages(seen)
    once = [call for call in chosen if call.name and seen.calls_of(call.module) == 1]
    if not once:
        raise NotApplicable("there is no residual block and no stage of convolutions to end")
    return once


def _ends_of_stages(seen: Trace) -> list[Call]:
    """Return the last convolution of each resolution, or the norm that follows it."""
    convs = [call for call in seen.calls if call.is_conv and call.out_shape[2] > 1]
    if len(convs) < 2:  # a patch embedding alone makes no convolutional network
        return []
    last = {call.out_shape[2:]: call for call in convs}
    return [_with_norm(seen, call) for call in last.values()]


def _with_norm(seen: Trace, conv: Call) -> Call:
    for call in seen.calls[conv.place + 1 :]:
        if call.sources == (conv.place,) and "Norm" in type(call.module).__name__:
            return call
    return conv


def _has_own(module: nn.Module) -> bool:
    name = type(module).__name__.lower()
    return "squeezeexcit" in name or name in ("semodule", "selayer", "seblock")
