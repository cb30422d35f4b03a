"""layer_scale: multiply each residual branch by a learned scale that starts small.

What: multiplies the result of every residual branch of tokens by a learned number a channel, all
of which start at `initial`. They do not decay. A network with layer scale of its own keeps that.
Why: branches that start near zero let a deep transformer begin as its shortcuts, and each channel
of a branch grows at its own pace.
When it helps: transformers of eighteen layers and more, which may not train without; in shallow
ones it matters little. Start at 0.1 up to eighteen layers, at 1e-5 up to 24, at 1e-6 beyond.
Places: residual branches of tokens; a sum of two ways without a shortcut is found and stays.
Conflicts: zero_init_residual starts branches at zero in another way. Pretrained weights were
trained without, and start out almost without their branches.
Source: Touvron et al. 2021, "Going deeper with Image Transformers" (arXiv 2103.17239), section 2.
Published:
- none found that changes this alone.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from darkmagic.trainers.fields import number
from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.extend import After
from darkmagic.trainers.models.graph import Call, Op, Trace, trace_model
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.models.structure import count_other_sums, find_residuals
from darkmagic.trainers.trick import NotApplicable, Trick

__all__ = ["ChannelScale", "LayerScale", "add_layer_scale"]

_OWN = "LayerScale"  # a part of the names of timm's and torchvision's classes


class ChannelScale(nn.Module):
    """A learned scale of each channel: tokens (..., C) in and out.

    >>> ChannelScale(2, initial=0.5)(torch.ones(1, 1, 2))
    tensor([[[0.5000, 0.5000]]], grad_fn=<MulBackward0>)
    """

    def __init__(self, channels: int, initial: float) -> None:
        super().__init__()
        self.gamma = nn.Parameter(torch.full((channels,), initial))

    def forward(self, x: Tensor) -> Tensor:
        """Return `x` times the scales."""
        return x * self.gamma


def add_layer_scale(model: nn.Module, example: Tensor, initial: float) -> nn.Module:
    """Return `model`, edited in place, whose residual branches of tokens are scaled.

    `example` (B, C, H, W) is what the model takes. Raises `NotApplicable` where the model has no
    residual branch of tokens, one that ends in no module, or layer scale of its own.

    >>> from torchvision.models.vision_transformer import EncoderBlock
    >>> block = EncoderBlock(2, 4, 8, 0.0, 0.0)
    >>> net = nn.Sequential(nn.Flatten(2), block, nn.Flatten(), nn.Linear(12, 2))
    >>> edited = add_layer_scale(net, torch.zeros(2, 3, 2, 2), initial=0.1)
    >>> [name for name, part in edited.named_modules() if isinstance(part, ChannelScale)]
    ['1.dropout.scale', '1.mlp.4.scale']
    """
    if any(_OWN in type(module).__name__ for module in model.modules()):
        raise NotApplicable("the model has layer scale already")
    trace = trace_model(model, example)
    blocks = [block for block in find_residuals(trace) if not block.convolutional]
    if not blocks:
        raise NotApplicable("layer_scale scales residual branches of tokens, and there are none")
    ends = [_end(trace, block.end) for block in blocks]
    if any(end is None for end in ends):
        raise NotApplicable("layer_scale cannot reach a residual branch that ends in no module")
    count_places(len(ends), len(blocks) + count_other_sums(trace, maps=False))
    return replace_calls(
        model,
        trace,
        {
            end: After(end.module, "scale", ChannelScale(block.add.shape[-1], initial))
            for end, block in zip(ends, blocks, strict=True)
            if end is not None
        },
    )


def _end(trace: Trace, op: Op) -> Call | None:
    """Return the last call that gives `op`, also one that hands it on, as dropout does."""
    return next((call for call in reversed(trace.calls) if call.output is op), None)


@dataclass(frozen=True)
class LayerScale(Trick):
    """Scale each residual branch of tokens, from `initial` on.

    >>> from torchvision.models.vision_transformer import EncoderBlock
    >>> block = EncoderBlock(2, 4, 8, 0.0, 0.0)
    >>> net = nn.Sequential(nn.Flatten(2), block, nn.Flatten(), nn.Linear(12, 2))
    >>> edited = LayerScale(initial=0.1).edit_model(net, torch.zeros(2, 3, 2, 2))
    >>> edited[1].dropout.scale.gamma
    Parameter containing:
    tensor([0.1000, 0.1000, 0.1000, 0.1000], requires_grad=True)
    """

    initial: float = number(0.1, above=0)

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        return add_layer_scale(model, example, self.initial)
