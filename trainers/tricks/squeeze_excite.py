"""squeeze_excite: let each block weigh its channels by what the whole image shows.

What: at the end of each residual block's branch, before the addition, multiplies every
channel by a gate in (0, 1): the channels' means over the image, a linear layer to C / ratio
units (at least one), ReLU, a linear layer back to C, sigmoid. That is 2 C^2 / r + C / r + C
parameters at width C where r divides C. A block that has such a gate keeps its own, alone.
A network without residual blocks gets one at the end of each stage: after the last
convolution, or its norm, at each resolution.
Why: a convolution sees a small window; the gate brings in the whole image, for about a tenth
more parameters and hardly any more arithmetic.
When it helps: nearly always on accuracy; it costs memory traffic, so a step takes longer.
Places: residual blocks that convolve and have no gate, or stages. A sum of two ways without a
shortcut is found and stays.
Conflicts: none. Fresh gates start near 1/2 and halve the branches of pretrained networks,
which fine-tuning has to undo. Pretrained tensors keep their names and values.
Source: Hu et al. 2018 (arXiv 1709.01507), sections 3 and 6.4 for the place.
Published:
- on against off: +1.51; ResNet-50; ImageNet; 100 epochs; Hu et al. 2018, section 5.1, read in a
  transcript
- on against off: +0.79; ResNet-101; ImageNet; 100 epochs; Hu et al. 2018, section 5.1, read in a
  transcript
- on against off: +1.1; ResNet-50; ImageNet; epochs not stated, after every wide convolution;
  Composer, squeeze-and-excitation card, example effects
- on against off: +0.21; ResNeXt-29 16x64d; CIFAR-10; 300 epochs; CIFAR-ZOO README, table of vanilla
  architectures
- on against off: +0.47; ResNeXt-29 16x64d; CIFAR-100; 300 epochs; CIFAR-ZOO README, table of
  vanilla architectures
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from darkmagic.trainers.fields import whole
from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.extend import After
from darkmagic.trainers.models.graph import Call, Trace, trace_model
from darkmagic.trainers.models.places import handed_on
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.models.stages import find_stages
from darkmagic.trainers.models.structure import count_other_sums, find_residuals, gated, last_layer
from darkmagic.trainers.trick import NotApplicable, Trick

__all__ = ["SqueezeExcite", "SqueezeExciteBlock", "add_squeeze_excite"]


class SqueezeExciteBlock(nn.Module):
    """Squeeze, excite, scale: feature maps (B, C, H, W) in and out.

    >>> SqueezeExciteBlock(channels=32, ratio=16)(torch.zeros(2, 32, 8, 8)).shape
    torch.Size([2, 32, 8, 8])
    """

    def __init__(self, channels: int, ratio: int = 16) -> None:
        super().__init__()
        hidden = max(1, channels // ratio)
        self.reduce = nn.Linear(channels, hidden)
        self.expand = nn.Linear(hidden, channels)

    def forward(self, maps: Tensor) -> Tensor:
        """Return `maps`, each channel times its gate."""
        hidden = torch.relu(self.reduce(maps.mean((2, 3))))
        return maps * torch.sigmoid(self.expand(hidden))[:, :, None, None]


def add_squeeze_excite(model: nn.Module, example: Tensor, ratio: int) -> nn.Module:
    """Return `model`, edited in place, with a gate at the end of each block or stage.

    `example` (B, C, H, W) is what the model takes. Raises `NotApplicable` with the reason
    where there is no place for one.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = add_squeeze_excite(net, torch.zeros(2, 3, 8, 8), ratio=4)
    >>> [name for name, part in edited.named_modules() if isinstance(part, SqueezeExciteBlock)]
    ['blocks.0.bn2.se', 'blocks.1.bn2.se', 'blocks.2.bn2.se']
    """
    trace = trace_model(model, example)
    return replace_calls(
        model,
        trace,
        {
            call: After(call.module, "se", SqueezeExciteBlock(end.shape[1], ratio))
            for call in _places(trace)
            if (end := call.output) is not None
        },
    )


def _places(trace: Trace) -> list[Call]:
    if not trace.convolutions:
        raise NotApplicable("squeeze_excite gates feature maps, and the model has no convolution")
    residuals = find_residuals(trace)
    if not residuals:
        # As they begin, the order in which weights are drawn: parallel branches shift it.
        stages = sorted(find_stages(trace), key=lambda stage: stage.convolutions[0].index)
        bare_stages = [stage for stage in stages if not stage.gated]
        free = [end for stage in bare_stages if (end := stage.end) is not None]
        if not free:
            why = "no stage ends in a layer" if bare_stages else "every stage has a gate already"
            raise NotApplicable(f"squeeze_excite finds no place: {why}")
        count_places(len(free), len(bare_stages))
        return free
    blocks = [block for block in residuals if block.convolutional]
    if not blocks:
        raise NotApplicable(
            "squeeze_excite gates feature maps, and the model's residual blocks do not convolve"
        )
    bare = [block for block in blocks if not gated(trace, block.branch)]
    if not bare:
        raise NotApplicable("every residual block of the model has squeeze-and-excitation already")
    ends = [last_layer(block.end) or handed_on(trace, block.end) for block in bare]
    places = [call for call in ends if call is not None]
    places = [call for call in dict.fromkeys(places) if call.replaceable]
    if not places:
        raise NotApplicable(
            "squeeze_excite finds no place: the model's residual branches end in no layer"
        )
    count_places(len(places), len(bare) + count_other_sums(trace, maps=True))
    return places


@dataclass(frozen=True)
class SqueezeExcite(Trick):
    """A `SqueezeExciteBlock` of `ratio` at the end of each residual block, or of each stage.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = SqueezeExcite(ratio=4).edit_model(net, torch.zeros(2, 3, 8, 8))
    >>> sum(isinstance(part, SqueezeExciteBlock) for part in edited.modules())
    3
    """

    ratio: int = whole(16, at_least=1)

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        return add_squeeze_excite(model, example, self.ratio)
