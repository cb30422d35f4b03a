"""drop_path: leave out whole residual branches at random while training.

What: with probability p_l, sets the branch of the l-th of L residual blocks to zero for an
image, and divides it by 1 - p_l for the others; p_l rises linearly, l / L times `rate`.
Evaluation uses every branch. Modules of this kind that the network has already get rate 0 then.
Rate 0 leaves the network as it is, its own stochastic depth too.
Why: trains an ensemble of shallower networks, and shortens the way of the gradient.
When it helps: deep networks and long schedules that overfit; small or short ones lose by it.
0.1 to 0.2 is usual for CNNs.
Places: residual branches, of feature maps or tokens. A sum of two ways of which none is a shortcut,
as of parallel convolutions, is found and stays.
Conflicts: dropout and strong augmentation regularise as well: too much of all underfits.
Source: Huang et al. 2016 (arXiv 1603.09382), section 3, with the linear rule; divided while
training, and drawn for each image, as in timm and torchvision.
Published:
- 0.1 against 0: +0.4; ResNet-50; ImageNet; epochs not stated, rate 0.1 rising with depth; Composer,
  stochastic depth card, technical details
- dropping against none: +0.88; ResNet of 54 blocks; CIFAR-10; epochs not stated, survival 0.5 at
  the last block; Pastromhaug/caffe-stochastic-depth README
- dropping against none: -0.2; ResNet-152; ImageNet; epochs not stated, rate 0.5 at the last block;
  Huang et al. 2016, as Composer's block-wise card quotes it
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from darkmagic.trainers.fields import number
from darkmagic.trainers.models.edit import replace_calls
from darkmagic.trainers.models.extend import After
from darkmagic.trainers.models.graph import Call, Op, trace_model
from darkmagic.trainers.models.places import call_with_result, handed_on
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.models.structure import count_other_sums, find_residuals
from darkmagic.trainers.trick import NotApplicable, Trick

__all__ = ["DropPath", "DropPathLayer", "add_drop_path", "drop_rates"]

_COMMUTING = ("mul", "div", "clone", "relu", "view", "permute", "transpose")  # image by image
_OWN = ("DropPath", "StochasticDepth")  # timm's and torchvision's
_OWN_RATES = ("drop_prob", "p")


def drop_rates(blocks: int, rate: float) -> list[float]:
    """Return the probability to drop each of `blocks`: from rate / blocks up to `rate`.

    >>> drop_rates(2, rate=0.2)
    [0.1, 0.2]
    """
    return [rate * index / blocks for index in range(1, blocks + 1)]


class DropPathLayer(nn.Module):
    """Zero for an image with probability `rate`, while training: maps (B, ...) in and out.

    >>> _ = torch.manual_seed(0)
    >>> DropPathLayer(rate=0.5)(torch.ones(4, 1, 1, 1)).flatten()
    tensor([0., 0., 2., 0.])
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """Return `x`, of which the images that are kept are divided by 1 - `rate`."""
        if not self.training:
            return x
        keep = torch.empty(len(x), *[1] * (x.ndim - 1), device=x.device, dtype=x.dtype)
        return x * (keep.bernoulli_(1 - self.rate) / (1 - self.rate))

    def extra_repr(self) -> str:
        """Return the rate."""
        return f"{self.rate:.3g}"


def add_drop_path(model: nn.Module, example: Tensor, rate: float) -> nn.Module:
    """Return `model`, edited in place, whose residual branches drop out, the last with `rate`.

    `example` (B, C, H, W) is what the model takes. Raises `NotApplicable` where the model has
    no residual block, or no branch ends in a layer.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = add_drop_path(net, torch.zeros(2, 3, 8, 8), rate=0.3)
    >>> [name for name, part in edited.named_modules() if isinstance(part, DropPathLayer)]
    ['blocks.0.bn2.drop_path', 'blocks.1.bn2.drop_path', 'blocks.2.bn2.drop_path']
    """
    if rate == 0:
        return model
    trace = trace_model(model, example)
    blocks = find_residuals(trace)
    if not blocks:
        raise NotApplicable("drop_path drops residual branches, and the model has no sum of two")
    ends = [_end(block.end) or handed_on(trace, block.end) for block in blocks]
    rates = drop_rates(len(blocks), rate)
    reached = [end for end in ends if end is not None]
    if not reached:
        raise NotApplicable("drop_path cannot reach a residual branch: none ends in a layer")
    _switch_off_own(model)
    others = sum(count_other_sums(trace, maps=maps) for maps in (True, False))
    count_places(len(reached), len(blocks) + others)
    return replace_calls(
        model,
        trace,
        {
            end: After(end.module, "drop_path", DropPathLayer(p))
            for end, p in zip(ends, rates, strict=True)
            if end is not None
        },
    )


def _switch_off_own(model: nn.Module) -> None:
    """Set the rate of the network's own stochastic depth to 0; the modules stay to be read."""
    for parent in list(model.modules()):
        for name, child in parent.named_children():
            if type(child).__name__ not in _OWN:
                continue
            rates = [rate for rate in _OWN_RATES if isinstance(getattr(child, rate, None), float)]
            for rate in rates:
                setattr(child, rate, 0.0)
            if not rates:
                setattr(parent, name, nn.Identity())


def _end(op: Op) -> Call | None:
    """Return the call that `op` is the result of, but for what dropping commutes with."""
    while call_with_result(op) is None:
        rest = op.inputs[0] if len(op.inputs) == 1 and op.name in _COMMUTING else None
        if rest is None or rest.shape[0] != op.shape[0]:
            return None
        op = rest
    return call_with_result(op)


@dataclass(frozen=True)
class DropPath(Trick):
    """Drop the branch of the last residual block with `rate`, earlier ones less.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> edited = DropPath(rate=0.3).edit_model(net, torch.zeros(2, 3, 8, 8))
    >>> [part for part in edited.modules() if isinstance(part, DropPathLayer)]
    [DropPathLayer(0.1), DropPathLayer(0.2), DropPathLayer(0.3)]
    """

    keeps_output: ClassVar[bool] = True
    rate: float = number(0.1, at_least=0, below=1)

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        return add_drop_path(model, example, self.rate)
