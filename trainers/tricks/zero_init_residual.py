"""zero_init_residual: let every residual block start as its shortcut alone.

What: sets the scale and the shift of the last norm of each residual branch to zero, or where
a branch ends without a norm, the weights and bias of its last layer.
Why: the network starts shallow, so that early gradients reach every layer, and deepens as the
scales grow.
When it helps: deep residual networks, at high learning rates and with large batches, by a few
tenths of a percent.
Places: residual branches that convolve; a sum of two ways without a shortcut is found and stays.
Conflicts: pretrained weights, whose last norms it would erase: refused. In pre-activation
networks it zeroes the last convolution, as their branches end in one.
Source: Goyal et al. 2017 (arXiv 1706.02677), section 5.1; He et al. 2019, "Bag of Tricks"
(arXiv 1812.01187), section 3.1.
Published:
- on against off: +0.2 to +0.3; ResNet-50; ImageNet; epochs not stated; Goyal et al. 2017, as a
  comment in torchvision/models/resnet.py quotes it
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor, nn

from darkmagic.trainers.models.graph import Op, trace_model
from darkmagic.trainers.models.places import gate_ops
from darkmagic.trainers.models.places_edited import count_places
from darkmagic.trainers.models.structure import count_other_sums, find_residuals
from darkmagic.trainers.models.weights import zero_weight
from darkmagic.trainers.trick import EditStage, NotApplicable, Trick
from darkmagic.trainers.tricks.normalization import ChannelAffine
from darkmagic.trainers.tricks.pretrain import Pretrain

__all__ = ["ZeroInitResidual", "last_of_branches", "zero_last_layers"]


def last_of_branches(model: nn.Module, example: Tensor) -> list[nn.Module]:
    """Return the last norm or layer of each convolutional residual branch of `model`.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> last_of_branches(net, torch.zeros(2, 3, 8, 8)) == [block.bn2 for block in net.blocks]
    True
    """
    trace = trace_model(model, example)
    gates = gate_ops(trace)
    found: dict[nn.Module, None] = {}
    blocks = ended = 0
    for block in find_residuals(trace):
        if not block.convolutional:
            continue
        blocks += 1
        last = _last_layers(block.end, frozenset(block.branch), gates)
        found.update(dict.fromkeys(last))
        ended += bool(last)
    count_places(ended, blocks + count_other_sums(trace, maps=True))
    return list(found)


def _last_layers(op: Op, branch: frozenset[Op], gates: frozenset[Op]) -> list[nn.Module]:
    """Return the layers of `branch` whose zeros make `op` zero; none where no layers do.

    Of what is added or joined, all are to be zero, as the parallel convolutions of RepVGG.
    """
    if op not in branch:
        return []
    layer = _layer(op)
    if layer is not None:
        return [layer]
    inputs = [each for each in op.inputs if each not in gates] or list(op.inputs)
    ends = [_last_layers(each, branch, gates) for each in inputs]
    if op.name in ("add", "cat", "stack"):
        return [layer for end in ends for layer in end] if all(ends) else []
    return next((end for end in ends if end), [])


def _layer(op: Op) -> nn.Module | None:
    """Return the norm, convolution or linear layer that computes `op`; None where none does."""
    module = op.call.module if op.call is not None else None
    affine = isinstance(module, ChannelAffine)  # what a norm leaves
    if op.name not in ("convolution", "addmm", "mm") and "norm" not in op.name and not affine:
        return None
    return module if isinstance(getattr(module, "weight", None), Tensor) else None


def zero_last_layers(model: nn.Module, example: Tensor) -> nn.Module:
    """Return `model`, edited in place, whose residual branches give zero.

    `example` (B, C, H, W) is what the model takes. Raises `NotApplicable` without any.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> zero_last_layers(net, torch.zeros(2, 3, 8, 8)).blocks[0].bn2.weight
    Parameter containing:
    tensor([0., 0., 0., 0.], requires_grad=True)
    """
    found = last_of_branches(model, example)
    if not found:
        raise NotApplicable("zero_init_residual finds no residual branch of convolutions")
    for module in found:
        zero_weight(module)
        if isinstance(module.bias, nn.Parameter):
            nn.init.zeros_(module.bias)
    return model


@dataclass(frozen=True)
class ZeroInitResidual(Trick):
    """Every residual branch starts at zero.

    >>> from darkmagic.trainers.models import SmallResNet
    >>> net = SmallResNet(depth=8, width=4)
    >>> net = ZeroInitResidual().edit_model(net, torch.zeros(2, 3, 8, 8))
    >>> net.blocks[0].bn2.weight
    Parameter containing:
    tensor([0., 0., 0., 0.], requires_grad=True)
    """

    @property
    def edit_stage(self) -> EditStage:
        return EditStage.INIT_SOME

    def conflict(self, other: Trick) -> str | None:
        if isinstance(other, Pretrain):
            return "it would erase the pretrained scales of the last norms, or be overwritten"
        return None

    def edit_model(self, model: nn.Module, example: Tensor) -> nn.Module:
        return zero_last_layers(model, example)
